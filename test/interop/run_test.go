// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// tool is one of the programs.
type tool struct{ name, path string }

// result is how a run ended.
type result struct {
	code           int
	stdout, stderr string
}

// call is one run of a tool.
type call struct {
	dir   string
	stdin string
	args  []string
	wrap  []string // a command that starts the tool, such as one that lowers a limit
}

func (p tool) call(t *testing.T, c call) result {
	t.Helper()
	argv := append(append([]string{}, c.wrap...), append([]string{p.path}, c.args...)...)
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir = c.dir
	cmd.Stdin = strings.NewReader(c.stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", p.name, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// bed is a directory with key files and images for one test.
type bed struct {
	t   *testing.T
	dir string
}

func newBed(t *testing.T) *bed {
	t.Helper()
	b := &bed{t, t.TempDir()}
	for _, key := range []string{"k1", "k2", "k3", "wrong"} {
		b.write(key, "the key "+key+"\nwith a second line")
	}
	return b
}

func (b *bed) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bed) write(name, text string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), []byte(text), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// image makes a sparse file.
func (b *bed) image(name string, size int64) {
	b.t.Helper()
	b.write(name, "")
	if err := os.Truncate(b.path(name), size); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) read(name string) []byte {
	b.t.Helper()
	data, err := os.ReadFile(b.path(name))
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

func (b *bed) copy(from, to string) {
	b.t.Helper()
	if err := os.WriteFile(b.path(to), b.read(from), 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bed) sum(name string) [sha256.Size]byte { return sha256.Sum256(b.read(name)) }

// run runs a tool in the directory of the bed.
func (b *bed) run(p tool, args ...string) result {
	b.t.Helper()
	return p.call(b.t, call{dir: b.dir, args: args})
}

// must is run for what has to succeed; it returns standard output.
func (b *bed) must(p tool, args ...string) string {
	b.t.Helper()
	r := b.run(p, args...)
	if r.code != 0 {
		b.t.Fatalf("%s %s: exit %d\n%s%s", p.name, strings.Join(args, " "), r.code, r.stdout, r.stderr)
	}
	return r.stdout
}

// exits asks that a run ends with a code.
func (b *bed) exits(p tool, code int, args ...string) result {
	b.t.Helper()
	r := b.run(p, args...)
	if r.code != code {
		b.t.Errorf("%s %s: exit %d, want %d\n%s%s", p.name, strings.Join(args, " "), r.code, code, r.stdout, r.stderr)
	}
	return r
}

// same asks that both tools print the same, to the byte, and succeed.
func (b *bed) same(p, q tool, args ...string) {
	b.t.Helper()
	if one, other := b.must(p, args...), b.must(q, args...); one != other {
		b.t.Errorf("%s, < %s, > %s:\n%s", strings.Join(args, " "), p.name, q.name, difference(one, other))
	}
}

// sameJSON is same for JSON. The json-c of later releases sets empty objects on one line: there only
// the white space differs.
func (b *bed) sameJSON(p, q tool, args ...string) {
	b.t.Helper()
	if p != bench.trixie && q != bench.trixie {
		b.same(p, q, args...)
		return
	}
	if one, other := b.compact(b.must(p, args...)), b.compact(b.must(q, args...)); one != other {
		b.t.Errorf("%s, < %s, > %s:\n%s", strings.Join(args, " "), p.name, q.name, difference(one, other))
	}
}

func (b *bed) compact(text string) string {
	b.t.Helper()
	var out bytes.Buffer
	if err := json.Compact(&out, []byte(text)); err != nil {
		b.t.Errorf("%v in %s", err, text)
	}
	return out.String()
}

// cheap are the costs that make a keyslot fast.
func cheap(pbkdf string) []string {
	if pbkdf == "pbkdf2" {
		return []string{"--pbkdf", pbkdf, "--pbkdf-force-iterations", "1000"}
	}
	return []string{"--pbkdf", pbkdf, "--pbkdf-force-iterations", "4", "--pbkdf-memory", "64", "--pbkdf-parallel", "1"}
}

// join puts arguments together.
func join(parts ...[]string) []string {
	var all []string
	for _, p := range parts {
		all = append(all, p...)
	}
	return all
}

func words(text string) []string { return strings.Fields(text) }

// difference shows the lines that only one of two texts has.
func difference(one, other string) string {
	var out strings.Builder
	only := func(mark, a, b string) {
		others := strings.Split(b, "\n")
		for _, line := range strings.Split(a, "\n") {
			if !slices.Contains(others, line) {
				out.WriteString(mark + line + "\n")
			}
		}
	}
	only("< ", one, other)
	only("> ", other, one)
	return out.String()
}

// errorLines are the lines of standard error.
func errorLines(text string) []string {
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}
