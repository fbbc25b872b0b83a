// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// outcome is how a run of the program ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// session is a directory in which the program is called.
type session struct{ t *testing.T }

func newSession(t *testing.T) *session {
	t.Helper()
	t.Chdir(t.TempDir())
	s := &session{t}
	for file, key := range map[string]string{
		"k32": "integrity", "k64": "integrity64", "j32": "journal_mac", "c32": "journal_crypt",
	} {
		raw, err := hex.DecodeString(vectors.IntegrityKeys()[key])
		if err != nil {
			t.Fatal(err)
		}
		s.write(file, raw)
	}
	return s
}

// call runs the program under the name integritysetup.
func (s *session) call(args ...string) outcome {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	words := append([]string{"integritysetup"}, args...)
	code := Main(context.Background(), words, "0", &ui.UI{In: os.Stdin, Out: &stdout, Err: &stderr})
	return outcome{code, stdout.String(), stderr.String()}
}

func (s *session) write(name string, content []byte) {
	s.t.Helper()
	if err := os.WriteFile(name, content, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *session) read(name string) []byte {
	s.t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		s.t.Fatal(err)
	}
	return content
}

// device puts the last state of a recorded device there, and returns how it is named and opened.
func (s *session) device(v vectors.Integrity) (args []string) {
	s.t.Helper()
	state := "closed"
	for _, other := range []string{"dirty", "meta"} {
		if v.Files[other].File != "" {
			state = other
		}
	}
	s.write("img", v.File(state))
	if v.Files["data"].File != "" {
		s.write("DATA", v.File("data"))
	}
	for _, word := range strings.Fields(v.Open) {
		if word != "--integrity-recalculate" {
			args = append(args, word)
		}
	}
	return append(args, "img")
}

func TestRecordedDevicesAreVerified(t *testing.T) {
	for _, v := range vectors.AllIntegrity() {
		t.Run(v.Name, func(t *testing.T) {
			s := newSession(t)
			args := s.device(v)
			before := s.read("img")
			want := map[string]int{"nowipe": 2, "bitmap-dirty": 2}[v.Name]
			got := s.call(append([]string{"verify", "--json"}, args...)...)
			var report verdict
			if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || got.code != want {
				t.Fatalf("exit %d, %v\n%s%s", got.code, err, got.stdout, got.stderr)
			}
			dirty := v.Files["dirty"].File != "" && v.Name != "bitmap-dirty"
			if (report.Replayed > 0) != dirty || (report.Verdict == "verified") != (want == 0) {
				t.Errorf("%+v", report)
			}
			if !bytes.Equal(s.read("img"), before) {
				t.Error("verify wrote to what it read")
			}
		})
	}
}

func TestRecordedDumpsArePrinted(t *testing.T) {
	for _, v := range vectors.AllIntegrity() {
		if v.Name == "bitmap-dirty" || v.Name == "metadev" { // these were taken before they were opened
			continue
		}
		s := newSession(t)
		s.device(v)
		_, want, _ := strings.Cut(v.Dump, "\n")
		got := s.call("dump", "img")
		if first, rest, _ := strings.Cut(got.stdout, "\n"); got.code != 0 || rest != want ||
			first != "INTEGRITY header information for img." {
			t.Errorf("%s: exit %d\n%s%s\nrecorded:\n%s", v.Name, got.code, got.stdout, got.stderr, want)
		}
	}
}

func TestRecordedStatusIsPrinted(t *testing.T) {
	for _, v := range vectors.AllIntegrity() {
		if v.Status == "" {
			continue
		}
		table, err := target.Parse([]byte(v.Table))
		if err != nil {
			t.Fatal(err)
		}
		s := &state{Name: "t", Active: true, Type: "INTEGRITY"}
		s.describe(table.(*target.Integrity))
		if err := table.Close(); err != nil {
			t.Fatal(err)
		}
		s.Device, s.Loop = "DEV", "/run/w/img"
		if got := s.text(); got != v.Status {
			t.Errorf("%s:\n%s\nrecorded:\n%s", v.Name, got, v.Status)
		}
	}
}

func TestFormattedDevicesAreVerifiedAndKeepNothing(t *testing.T) {
	s := newSession(t)
	for _, options := range []string{
		"", "-I sha256 -s 4096", "-I hmac-sha256 --integrity-key-file k32 --integrity-key-size 32 -t 10",
		"--interleave-sectors 8 --integrity-legacy-padding", "--journal-size 64k --integrity-legacy-hmac",
	} {
		s.write("img", bytes.Repeat([]byte("old data"), 1<<18))
		words := strings.Fields(options)
		got := s.call(append([]string{"format", "img"}, words...)...)
		if got.code != 0 || !strings.Contains(got.stdout, "Formatted with tag size ") {
			t.Fatalf("%s: exit %d\n%s%s", options, got.code, got.stdout, got.stderr)
		}
		if keyed := strings.Index(options, "-t 10"); keyed >= 0 {
			words = words[:len(words)-2]
		}
		var verify []string
		for i := 0; i < len(words); i++ {
			if words[i] == "-I" || strings.HasPrefix(words[i], "--integrity-key") {
				verify = append(verify, words[i:i+2]...)
			}
		}
		if got := s.call(append([]string{"verify", "img"}, verify...)...); got.code != 0 {
			t.Errorf("%s: verify: exit %d\n%s%s", options, got.code, got.stdout, got.stderr)
		}
		if got := s.call("verify", "img", "-I", "xxhash64"); got.code != 2 {
			t.Errorf("%s: another algorithm: exit %d\n%s", options, got.code, got.stderr)
		}
	}
}
