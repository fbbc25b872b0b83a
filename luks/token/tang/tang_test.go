// SPDX-License-Identifier: Apache-2.0

package tang

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/token/curve"
)

// server is tang's part: a key, and its product with whatever point comes.
func server(t *testing.T, c *curve.Curve, key []byte, spoil func(http.ResponseWriter) bool) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if spoil(w) {
			return
		}
		body, _ := io.ReadAll(r.Body)
		var k jwk
		if err := json.Unmarshal(body, &k); err != nil || r.URL.Path != "/rec/kid" || k.Alg != "ECMR" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		x, _ := base64.RawURLEncoding.DecodeString(k.X)
		y, _ := base64.RawURLEncoding.DecodeString(k.Y)
		p, err := c.Multiply(curve.Point{X: x, Y: y}, key)
		if err != nil {
			t.Error(err)
		}
		encode := base64.RawURLEncoding.EncodeToString
		text, _ := json.Marshal(jwk{"ECMR", c.Name, "EC", encode(p.X), encode(p.Y)})
		_, _ = w.Write(text)
	}))
	t.Cleanup(s.Close)
	return s
}

// TestServerHelpsToRecoverTheKey on each curve: what comes back is the one-time key times the server's.
func TestServerHelpsToRecoverTheKey(t *testing.T) {
	for _, name := range []string{"P-256", "P-384", "P-521"} {
		c, _ := curve.Named(name)
		s, _ := c.Scalar()
		once, _ := c.Scalar()
		b := Binding{Kid: "kid", Curve: c}
		b.Server, _ = c.Multiply(c.Base(), s)
		b.Client, _ = c.Multiply(c.Base(), once)
		want, _ := c.Multiply(b.Server, once)
		b.URL = server(t, c, s, func(http.ResponseWriter) bool { return false }).URL
		got, err := b.Recover(t.Context())
		if err != nil || !bytes.Equal(got.Bytes(), want.X) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestServersThatDoNotHelpAreToldApart(t *testing.T) {
	c, _ := curve.Named("P-256")
	for name, test := range map[string]struct {
		spoil func(http.ResponseWriter) bool
		want  error
	}{
		"rotated":   {func(w http.ResponseWriter) bool { w.WriteHeader(404); return true }, ErrRotated},
		"no point":  {func(w http.ResponseWriter) bool { _, _ = io.WriteString(w, `{"kty":"EC"}`); return true }, ErrAnswer},
		"too large": {func(w http.ResponseWriter) bool { _, _ = w.Write(make([]byte, 1<<20)); return true }, ErrAnswer},
	} {
		b := Binding{Kid: "kid", Curve: c, Client: c.Base(), Server: c.Base(), URL: server(t, c, []byte{2}, test.spoil).URL}
		if _, err := b.Recover(t.Context()); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := Binding{Kid: "kid", Curve: c, Client: c.Base(), Server: c.Base(), URL: "http://" + free.Addr().String()}
	_ = free.Close()
	if _, err := b.Recover(t.Context()); !errors.Is(err, ErrAbsent) {
		t.Errorf("nobody there: %v", err)
	}
	b.URL = "https://127.0.0.1"
	if _, err := b.Recover(t.Context()); !errors.Is(err, ErrScheme) {
		t.Errorf("https: %v", err)
	}
}

func TestAnswersAreReadHoweverTheyComeInPieces(t *testing.T) {
	for name, test := range map[string]struct {
		text, body string
		ended, bad bool
	}{
		"length": {"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc", "abc", false, false},
		"chunks": {
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1;x\r\nc\r\n0\r\n\r\n", "abc", false, false,
		},
		"to the end":    {"HTTP/1.0 200 OK\r\n\r\nabc", "abc", true, false},
		"cut":           {"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", "", true, true},
		"no status":     {"HTTP/1.1 two OK\r\n\r\n", "", false, true},
		"no HTTP":       {"SSH-2.0-OpenSSH\r\n\r\n", "", false, true},
		"long":          {"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n", "", false, true},
		"negative":      {"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "", false, true},
		"gzip":          {"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", "", false, true},
		"endless start": {strings.Repeat("x", mostHeader+1), "", false, true},
	} {
		status, body, done, err := answer([]byte(test.text), test.ended)
		if test.bad != (err != nil) || !test.bad && (!done || status != 200 || string(body) != test.body) {
			t.Errorf("%s: %d %q %v %v", name, status, body, done, err)
		}
		for n := range len(test.text) {
			if _, body, done, _ := answer([]byte(test.text[:n]), false); done && string(body) != test.body {
				t.Errorf("%s: complete after %d of %d bytes, with %q", name, n, len(test.text), body)
				break
			}
		}
	}
}

func TestNamesAreFoundInHostsAndAnswers(t *testing.T) {
	if got := fromHosts("# x\n192.0.2.1 a tang.example # c\n2001:db8::1 tang.example\n", "TANG.example"); len(got) != 2 {
		t.Errorf("hosts: %v", got)
	}
	if got := nameServers("search x\nnameserver 192.0.2.53\nnameserver bad\n"); len(got) != 1 {
		t.Errorf("resolv.conf: %v", got)
	}
	question, err := queryFor([2]byte{1, 2}, "tang.example", typeA)
	if err != nil {
		t.Fatal(err)
	}
	reply := bytes.Clone(question)
	reply[2], reply[7] = 0x81, 2
	alias := append([]byte{0xc0, 12, 0, 5, 0, 1, 0, 0, 0, 9, 0, 2}, 0xc0, 12)
	reply = append(append(reply, alias...), 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7)
	list, ok := records(reply, question, typeA)
	if !ok || len(list) != 1 || !bytes.Equal(list[0], []byte{192, 0, 2, 7}) {
		t.Errorf("answer: %v %v", list, ok)
	}
	if reply[0]++; true {
		if _, ok := records(reply, question, typeA); ok {
			t.Error("the answer to another question is taken")
		}
	}
	for _, host := range []string{"", "a..b", strings.Repeat("a", 64)} {
		if _, err := queryFor([2]byte{}, host, typeA); !errors.Is(err, ErrName) {
			t.Errorf("%q: %v", host, err)
		}
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc"), false)
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n"), true)
	f.Fuzz(func(t *testing.T, p []byte, ended bool) {
		if _, body, _, err := answer(p, ended); err == nil && len(body) > mostBody {
			t.Errorf("a body of %d bytes", len(body))
		}
	})
}

func FuzzRecords(f *testing.F) {
	question, _ := queryFor([2]byte{1, 2}, "a.b", typeA)
	f.Add(append(bytes.Clone(question), 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 192, 0, 2, 7))
	f.Fuzz(func(t *testing.T, p []byte) {
		if list, ok := records(p, question, typeA); len(list) > 32 || !ok && len(list) > 0 {
			t.Errorf("%v", list)
		}
	})
}

// TestAddressesAreThoseOfTheStandardLibrary, and what it refuses is refused.
func TestAddressesAreThoseOfTheStandardLibrary(t *testing.T) {
	for _, text := range []string{
		"192.0.2.1", "0.0.0.0", "255.255.255.255", "256.1.1.1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "", "::", "::1", "1::",
		"2001:db8::1", "2001:db8:0:0:0:0:0:1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "1::2::3", "12345::", "g::",
		"::ffff:192.0.2.1", "64:ff9b::192.0.2.33", "1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:8::", ":1", "1:",
	} {
		std, err := netip.ParseAddr(text)
		got, ok := parseIP(text)
		if ok != (err == nil) || ok && !bytes.Equal(got, std.AsSlice()) {
			t.Errorf("%q: %v %v, want %v", text, got, ok, std)
		}
	}
}
