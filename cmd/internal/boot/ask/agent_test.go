// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/test/pace"
)

// put asks agents in a directory of its own and returns the question's fields once they are there.
func put(t *testing.T, ctx context.Context, q Question) (fields map[string]string, answer func() (*secret.Buffer, error)) {
	t.Helper()
	dir := t.TempDir()
	type reply struct {
		*secret.Buffer
		error
	}
	done := make(chan reply, 1)
	go func() {
		got, err := Agents{dir}.Ask(ctx, q)
		done <- reply{got, err}
	}()
	fields = map[string]string{}
	for end := time.Now().Add(pace.Limit(5 * time.Second)); len(fields) == 0 && time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		files, err := filepath.Glob(filepath.Join(dir, "ask.*"))
		if err != nil || len(files) == 0 {
			continue
		}
		text, err := os.ReadFile(files[0])
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(text)) {
			if key, value, found := strings.Cut(strings.TrimSpace(line), "="); found {
				fields[key] = value
			}
		}
	}
	return fields, func() (*secret.Buffer, error) {
		r := <-done
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
		return r.Buffer, r.error
	}
}

func TestAQuestionIsDescribedAsAgentsExpect(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	fields, answer := put(t, ctx, Question{Title: "Pass\\phrase\nfor root", ID: "cryptsetup:/dev/vda", Echo: Visible, Cached: true, Deadline: time.Now().Add(time.Minute)})
	for key, want := range map[string]string{
		"Message": `Pass\\phrase?for root:`, "Id": "cryptsetup:/dev/vda", "Echo": "1", "Silent": "0", "AcceptCached": "1", "Icon": "drive-harddisk",
	} {
		if fields[key] != want {
			t.Errorf("%s is %q, want %q", key, fields[key], want)
		}
	}
	if fields["NotAfter"] == "" || fields["NotAfter"] == "0" || fields["PID"] == "" || fields["Socket"] == "" {
		t.Errorf("%v", fields)
	}
	cancel()
	if _, err := answer(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// systemd's own program answers, as its agents call it.
func TestSystemdReplies(t *testing.T) {
	const program = "/lib/systemd/systemd-reply-password"
	for _, c := range []struct{ flag, typed, want string }{{"1", "the answer\n", "the answer"}, {"0", "", ""}} {
		fields, answer := put(t, t.Context(), Question{Title: "Q"})
		reply := exec.Command(program, c.flag, fields["Socket"])
		reply.Stdin = strings.NewReader(c.typed)
		if out, err := reply.CombinedOutput(); err != nil {
			t.Fatalf("%s (package systemd): %v\n%s", program, err, out)
		}
		got, err := answer()
		if c.flag == "0" && !errors.Is(err, ErrDeclined) || c.flag == "1" && err != nil || string(got.Bytes()) != c.want {
			t.Errorf("%s: %q, %v", c.flag, got.Bytes(), err)
		}
	}
}

func TestOfSeveralPassphrasesTheFirstCountsAndNonsenseNot(t *testing.T) {
	fields, answer := put(t, t.Context(), Question{Title: "Q"})
	c, err := net.Dial("unixgram", fields["Socket"])
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, datagram := range []string{"", "?", strings.Repeat("+", MaxPassphrase+100), "+first\x00second\x00"} {
		if _, err := c.Write([]byte(datagram)); err != nil {
			t.Fatal(err)
		}
	}
	got, err := answer()
	if err != nil || string(got.Bytes()) != "first" {
		t.Errorf("%q, %v", got.Bytes(), err)
	}
}
