// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

const ours = "orthrus verity"

// within runs the program for so long.
func (s *session) within(patience time.Duration, args ...string) outcome {
	s.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	defer time.AfterFunc(patience, cancel).Stop()
	var stdout, stderr bytes.Buffer
	code := Main(ctx, append([]string{ours}, args...), "0", &ui.UI{In: os.Stdin, Out: &stdout, Err: &stderr})
	return outcome{code, stdout.String(), stderr.String()}
}

func (s *session) good(args ...string) outcome {
	s.t.Helper()
	got := s.callAs(ours, args...)
	if got.code != 0 {
		s.t.Fatalf("%v: exit %d\n%s", args, got.code, got.stderr)
	}
	return got
}

const uuidOption = "--uuid=11111111-2222-3333-4444-555555555555"

func TestANewVersionIsMadeFromTheFormerOne(t *testing.T) {
	s := newSession(t)
	data := vectors.Plain(600 * 4096)
	s.write("old", data)
	s.good("format", "old", "oldhash", "--root-hash-file", "oldroot", "--salt", "0102", "--hash", "sha512")
	data = append(data, vectors.Plain(9*4096)...)
	data[123456] ^= 1
	s.write("new", data)
	old := []string{"--old-data", "old", "--old-hash", "oldhash", "--old-root-hash", string(s.read("oldroot"))}
	s.good(append([]string{"format", "new", "newhash", "--root-hash-file", "newroot", uuidOption}, old...)...)
	s.good("format", "new", "plainhash", uuidOption, "--salt", "0102", "--hash", "sha512")
	if !bytes.Equal(s.read("newhash"), s.read("plainhash")) {
		t.Error("the tree is not the one that is made from nothing")
	}
	s.good("verify", "new", "newhash", "--root-hash-file", "newroot")

	got := s.callAs(ours, append([]string{"format", "new", "other", "--salt", "-"}, old...)...)
	if got.code != 1 || exists("other") ||
		!strings.Contains(got.stderr, "Option --salt is not as in the former image") {
		t.Errorf("another salt: exit %d\n%s", got.code, got.stderr)
	}
	tree := s.read("oldhash")
	tree[4096+5] ^= 1
	s.write("oldhash", tree)
	got = s.callAs(ours, append([]string{"format", "new", "other"}, old...)...)
	if got.code != 2 || !strings.Contains(got.stderr, "does not give the root hash") || exists("other") {
		t.Errorf("a damaged tree: exit %d\n%s", got.code, got.stderr)
	}
}

func TestAnInterruptedFormatGoesOn(t *testing.T) {
	s := newSession(t)
	s.write("data", vectors.Plain(48<<20))
	args := []string{
		"format", "data", "hash", "--resume", "state", "--fec-device", "fec", "--root-hash-file", "root",
	}
	interruptions := 0
	for patience := time.Millisecond; ; patience *= 2 {
		got := s.within(patience, args...)
		if got.code == 0 {
			break
		}
		if exists("state") && strings.Contains(got.stderr, "The same command goes on from there.") {
			interruptions++
		}
		if exists("root") {
			t.Fatalf("exit %d, and there is a root hash\n%s", got.code, got.stderr)
		}
	}
	if exists("state") || interruptions == 0 {
		t.Errorf("the state is left: %v; %d interruptions", exists("state"), interruptions)
	}
	s.good("verify", "data", "hash", "--root-hash-file", "root", "--fec-device", "fec", "--check-fec")
}

func TestAFormatDoesNotGoOnWithSomethingElse(t *testing.T) {
	s := newSession(t)
	data := vectors.Plain(1 << 20)
	s.write("data", data)
	begin := func() {
		t.Helper()
		c, err := parse([]string{ours, "format", "data", "hash", "--resume", "state"})
		if err != nil {
			t.Fatal(err)
		}
		im, _, err := (&run{call: c, ui: &ui.UI{Out: io.Discard, Err: io.Discard}}).planFormat(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		defer im.close()
		if err := im.resumption.save(); err != nil {
			t.Fatal(err)
		}
	}
	refused := func(want string, args ...string) {
		t.Helper()
		got := s.callAs(ours, append([]string{"format", "data", "hash", "--resume", "state"}, args...)...)
		if got.code != 1 || !strings.Contains(got.stderr, want) {
			t.Errorf("%v: exit %d\n%s", args, got.code, got.stderr)
		}
	}
	begin()
	refused("other parameters", "--salt", "-")
	refused("other parameters", "--hash", "sha512")
	if err := os.Rename("hash", "kept"); err != nil {
		t.Fatal(err)
	}
	s.write("hash", nil)
	refused("hash is not the file that state is about")
	s.write("state", []byte("{}"))
	refused("Cannot read state")
	if err := os.Remove("state"); err != nil {
		t.Fatal(err)
	}
	begin()
	s.write("data", append(data, 0))
	refused("data is not what it was")
}

func TestSeveralImagesAreMadeAndVerified(t *testing.T) {
	s := newSession(t)
	s.write("a", vectors.Plain(40*4096))
	s.write("b", vectors.Plain(50*4096))
	s.write("list", []byte("# images\na a.verity a.root a.fec\nb b.verity b.root\n"))
	s.good("format", "--batch", "list")
	got := s.good("verify", "--batch", "list")
	if got.stdout != "a: verified\nb: verified\n" {
		t.Errorf("verify prints\n%s", got.stdout)
	}
	s.write("a", append(vectors.Plain(39*4096), make([]byte, 4096)...))
	got = s.callAs(ours, "verify", "--batch", "list", "--json")
	var report struct {
		Images []verdict `json:"images"`
	}
	if err := json.Unmarshal([]byte(got.stdout), &report); err != nil || len(report.Images) != 2 || got.code != 2 ||
		report.Images[0].Verdict != verdictCan || report.Images[1].Verdict != verdictGood {
		t.Errorf("exit %d, %v\n%s%s", got.code, err, got.stdout, got.stderr)
	}
	s.write("list", []byte("a a.verity\n"))
	if got := s.callAs(ours, "verify", "--batch", "list"); got.code != 1 || !strings.Contains(got.stderr, "Line 1") {
		t.Errorf("exit %d\n%s", got.code, got.stderr)
	}
	if got := s.callAs(ours, "format", "--batch", "list", "--resume", "x"); got.code != 1 ||
		!strings.Contains(got.stderr, "Option --resume is of one image") {
		t.Errorf("exit %d\n%s", got.code, got.stderr)
	}
}

func TestPartitionsAreNamedByTheRootHash(t *testing.T) {
	s := newSession(t)
	s.write("data", vectors.Plain(40*4096))
	made := s.good("format", "data", "hash", "--root-hash-file", "root", "--partition-uuids")
	root := string(s.read("root"))
	for _, want := range []string{
		"Data partition UUID:\t" + root[:8] + "-" + root[8:12] + "-", "Hash partition UUID:\t" + root[32:40] + "-",
	} {
		if got := s.good("verify", "data", "hash", root, "--partition-uuids"); !strings.Contains(made.stdout, want) ||
			!strings.Contains(got.stdout, want) {
			t.Errorf("%q is not in\n%s\n%s", want, made.stdout, got.stdout)
		}
	}
	got := s.callAs(ours, "format", "data", "hash", "--hash", "ripemd160", "--partition-uuids")
	if got.code != 0 {
		t.Errorf("20 bytes are enough: exit %d\n%s", got.code, got.stderr)
	}
}
