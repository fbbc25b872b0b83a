// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
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
	return &session{t}
}

// call runs the program under the name veritysetup.
func (s *session) call(args ...string) outcome {
	s.t.Helper()
	return s.callAs("veritysetup", args...)
}

func (s *session) callAs(program string, args ...string) outcome {
	s.t.Helper()
	var stdout, stderr bytes.Buffer
	code := Main(context.Background(), append([]string{program}, args...), "0", &ui.UI{In: os.Stdin, Out: &stdout, Err: &stderr})
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

// files puts data there, and what lay on its devices before.
func (s *session) files(v vectors.Verity) {
	s.write("data", v.Data())
	if v.Name == "fec-metadata-tail" { // something foreign lies behind the tree
		before := v.File("hash")
		clear(before[:512])
		clear(before[4096:8192])
		s.write("hash", before)
	}
}

func TestRecordedCommandsPrintAndWriteWhatIsRecorded(t *testing.T) {
	for _, v := range vectors.AllVerity() {
		t.Run(v.Name, func(t *testing.T) {
			s := newSession(t)
			s.files(v)
			if strings.HasPrefix(v.Name, "fec-on-hash") {
				s.write("hash", make([]byte, 65536))
			}
			got := s.call(v.Command[1:]...)
			if got.code != 0 || got.stdout != v.Format || got.stderr != "" {
				t.Fatalf("exit %d\n%s%s\nrecorded:\n%s", got.code, got.stdout, got.stderr, v.Format)
			}
			for name := range v.Files {
				file := name
				if v.Combined {
					file = "data"
				}
				if !bytes.Equal(s.read(file), v.File(name)) {
					t.Errorf("%s is another one", file)
				}
			}
			if got := s.call(v.Verify[1:]...); got.code != v.Exit || got.stderr != "" {
				t.Errorf("verify: exit %d, recorded %d\n%s", got.code, v.Exit, got.stderr)
			}
			dump := dumpOf(v)
			if got := s.call(dump...); v.Dump != "" && (got.code != 0 || got.stdout != v.Dump) {
				t.Errorf("%v: exit %d\n%s%s\nrecorded:\n%s", dump, got.code, got.stdout, got.stderr, v.Dump)
			}
		})
	}
}

// dumpOf is the command that the recorded dump answers.
func dumpOf(v vectors.Verity) []string {
	args := []string{"dump", v.Command[3]}
	for i, word := range v.Command {
		if word == "--hash-offset" || strings.HasPrefix(word, "--fec") {
			args = append(args, word, v.Command[i+1])
		}
	}
	return args
}

// Where veritysetup calls data good that are not, we do not; all else is as it says.
func TestRecordedCorruptionsGetTheTrueVerdict(t *testing.T) {
	for _, v := range vectors.AllVerity() {
		for _, c := range v.Corruptions {
			t.Run(v.Name+" "+c.What, func(t *testing.T) {
				s := newSession(t)
				s.files(v)
				s.call(v.Command[1:]...)
				for _, run := range c.Invert {
					content := s.read(run[0].(string))
					for i := range content[int(run[1].(float64)):][:int(run[2].(float64))] {
						content[int(run[1].(float64))+i] ^= 0xff
					}
					s.write(run[0].(string), content)
				}
				args := slices.Clone(v.Verify[1:])
				if len(c.Invert) == 0 {
					args[3] = strings.Repeat("00", 32)
				}
				judgeVerdict(t, c, s.call(args...))
			})
		}
	}
}

func judgeVerdict(t *testing.T, c vectors.VerityCorruption, got outcome) {
	t.Helper()
	want := c.Exit
	if c.Stderr != "" {
		want = 2
	}
	if got.code != want {
		t.Errorf("exit %d, want %d (veritysetup: %d)\n%s", got.code, want, c.Exit, got.stderr)
	}
	for _, line := range strings.Split(c.Stderr, "\n") {
		if !strings.Contains(got.stderr, line) {
			t.Errorf("%q is not said:\n%s", line, got.stderr)
		}
	}
}

func TestARepairedCopyIsTheOriginal(t *testing.T) {
	s := newSession(t)
	sound := vectors.Plain(300 * 4096)
	s.write("data", sound)
	made := s.call("format", "data", "hash", "--fec-device", "fec", "--root-hash-file", "root")
	if made.code != 0 {
		t.Fatal(made.stderr)
	}
	tree := s.read("hash")
	damaged, hash := slices.Clone(sound), slices.Clone(tree)
	damaged[77777] ^= 1
	hash[5000] ^= 1
	s.write("data", damaged)
	s.write("hash", hash)
	got := s.call("verify", "data", "hash", "--root-hash-file", "root", "--fec-device", "fec",
		"--repair", "new", "--repair-hash", "newhash", "--where")
	if got.code != 0 || !bytes.Equal(s.read("new"), sound) || !bytes.Equal(s.read("newhash"), tree) {
		t.Errorf("exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	if !bytes.Equal(s.read("data"), damaged) || !bytes.Equal(s.read("hash"), hash) {
		t.Error("verify wrote to what it read")
	}
	if got := s.call("verify", "new", "newhash", "--root-hash-file", "root"); got.code != 0 {
		t.Errorf("the copy: exit %d\n%s", got.code, got.stderr)
	}
}

func TestWhatCannotBeRepairedLeavesNoFile(t *testing.T) {
	s := newSession(t)
	s.write("data", vectors.Plain(300*4096))
	s.call("format", "data", "hash", "--fec-device", "fec", "--root-hash-file", "root")
	s.write("data", make([]byte, 300*4096))
	got := s.call("verify", "data", "hash", "--root-hash-file", "root", "--fec-device", "fec", "--repair", "new")
	left, err := filepath.Glob("new*")
	if got.code != 2 || err != nil || len(left) != 0 {
		t.Errorf("exit %d, left %v, %v\n%s", got.code, left, err, got.stderr)
	}
}

// Data and parity by the same hand: veritysetup's exit status is 0.
func TestForgedParityDoesNotHelp(t *testing.T) {
	s := newSession(t)
	s.write("data", vectors.Plain(60*4096))
	s.call("format", "data", "hash", "--root-hash-file", "root", "--salt", "-")
	forged := vectors.Plain(60 * 4096)
	forged[1] ^= 1
	s.write("data", forged)
	genuine := s.read("hash")
	s.call("format", "data", "hash2", "--salt", "-")
	s.write("hash2", genuine)
	if got := s.call("format", "data", "hash3", "--salt", "-", "--fec-device", "fec"); got.code != 0 {
		t.Fatal(got.stderr)
	}
	got := s.call("verify", "data", "hash", "--root-hash-file", "root", "--fec-device", "fec")
	if got.code != 2 || strings.Contains(got.stderr, "can be repaired (") {
		t.Errorf("exit %d\n%s", got.code, got.stderr)
	}
}

// All hashes are right where a superblock or an option names fewer blocks than were hashed.
func TestFewerBlocksThanWereHashedAreNotVerified(t *testing.T) {
	s := newSession(t)
	s.write("data", vectors.Plain(300*4096))
	s.call("format", "data", "hash", "--root-hash-file", "root", "--salt", "-")
	superblock := s.read("hash")
	binary.LittleEndian.PutUint64(superblock[72:], 290)
	s.write("changed", superblock)
	for _, args := range [][]string{
		{"verify", "data", "changed", "--root-hash-file", "root"},
		{
			"verify", "data", "hash", "--root-hash-file", "root", "--no-superblock", "--hash-offset", "4096",
			"--salt", "-",
			"--data-blocks", "290",
		},
	} {
		got := s.call(args...)
		if got.code != 2 || !strings.Contains(got.stderr, "Spare area is not zeroed at position") ||
			!strings.Contains(got.stderr, "more data than the 290 blocks") {
			t.Errorf("%v: exit %d\n%s", args, got.code, got.stderr)
		}
	}
}

// Nothing protects the number of blocks in a superblock: one that is too large must not be counted up to.
func TestMoreBlocksThanThereAreAreNotVerified(t *testing.T) {
	s := newSession(t)
	s.write("data", vectors.Plain(300*4096))
	s.call("format", "data", "hash", "--root-hash-file", "root", "--fec-device", "fec")
	sound := s.read("hash")
	for _, blocks := range []uint64{301, 1000, 1 << 24, 1 << 40, 0x630000000001} {
		changed := slices.Clone(sound)
		binary.LittleEndian.PutUint64(changed[72:], blocks)
		s.write("hash", changed)
		for _, fec := range [][]string{nil, {"--fec-device", "fec"}} {
			got := s.call(append([]string{"verify", "data", "hash", "--root-hash-file", "root"}, fec...)...)
			if got.code == 0 || !strings.Contains(got.stderr, "failed.") {
				t.Errorf("%d blocks, %v: exit %d\n%s", blocks, fec, got.code, got.stderr)
			}
		}
	}
}
