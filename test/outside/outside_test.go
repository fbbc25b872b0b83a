// SPDX-License-Identifier: Apache-2.0

package outside

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/part"
)

const module = `module example.com/outside

go 1.26

require github.com/orthrus-luks/orthrus v0.0.0

replace github.com/orthrus-luks/orthrus => %s
`

// room is a module of another name in another folder.
type room struct {
	t   *testing.T
	dir string
	env []string
}

func newRoom(t *testing.T) room {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, os.DirFS("testdata")); err != nil {
		t.Fatal(err)
	}
	tree, err := filepath.Abs("../..")
	if err != nil {
		t.Fatal(err)
	}
	sums, err := os.ReadFile(filepath.Join(tree, "go.sum"))
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"go.mod": fmt.Sprintf(module, tree), "go.sum": string(sums)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return room{t, dir, append(os.Environ(), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOWORK=off")}
}

// run is what a command in the module prints.
func (r room) run(name string, args ...string) string {
	r.t.Helper()
	cmd := exec.Command(name, args...)
	cmd.Dir, cmd.Env = r.dir, r.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		r.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// race is the flag of the race detector, which needs a C compiler.
func (r *room) race() []string {
	if _, err := exec.LookPath("gcc"); err != nil {
		part.Note(r.t, "runs with the race detector, for lack of gcc,", 0, 1)
		return nil
	}
	r.env = append(r.env, "CGO_ENABLED=1")
	return []string{"-race"}
}

// blank makes an empty image.
func (r room) blank(name string) string {
	r.t.Helper()
	path := filepath.Join(r.dir, name)
	if err := errors.Join(os.WriteFile(path, nil, 0o600), os.Truncate(path, 24<<20)); err != nil {
		r.t.Fatal(err)
	}
	return path
}

func TestProgramsOfOthersBuildAndRun(t *testing.T) {
	r := newRoom(t)
	r.run("go", "vet", "./...")
	r.run("go", append(append([]string{"build", "-o", "bin/"}, r.race()...), "./...")...)

	image := r.blank("0.img")
	const said = "LUKS2, aes-xts-plain64, 2 keyslots, sectors of 4096, keyslot 1 reads \"two heads\"\n"
	if got := r.run("bin/add", image); got != said {
		t.Errorf("add: %q, want %q", got, said)
	}
	line := regexp.MustCompile(`^0 16384 crypt aes-xts-plain64 :64:logon:cryptsetup:[-0-9a-f]{36}-d0 0 8:16 32768 1 ` +
		`sector_size:4096\n$`)
	if got := r.run("bin/table", image, "second"); !line.MatchString(got) {
		t.Errorf("table: %q", got)
	}
	paths := []string{image}
	for i := 1; i < 100; i++ {
		path := filepath.Join(r.dir, fmt.Sprint(i, ".img"))
		if err := os.Link(image, path); err != nil {
			t.Fatal(err)
		}
		paths = append(paths, path)
	}
	got := r.run("bin/list", append(paths, "go.mod")...)
	if strings.Count(got, ".img: LUKS2 ") != 100 || !strings.HasSuffix(got, "go.mod: no volume\n") {
		t.Errorf("list: %s", got)
	}
	for _, version := range []string{"1", "2"} {
		want := "LUKS" + version + ", 3 keyslots, opens by [\"second\" \"third\" \"fourth\"], damaged []\n"
		if got := r.run("bin/share", version, r.blank("shared"+version)); got != want {
			t.Errorf("share: %q, want %q", got, want)
		}
	}
}

// TestExamplesAreWholeWhenTheyAreCopied makes a program of each example of the library: its body, and the imports that
// it uses, and nothing of what else lies beside it.
func TestExamplesAreWholeWhenTheyAreCopied(t *testing.T) {
	r := newRoom(t)
	made := 0
	files, err := filepath.Glob("../../luks/*/example_test.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range append(files, "../../luks/example_test.go") {
		set := token.NewFileSet()
		syntax, err := parser.ParseFile(set, file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range syntax.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || !strings.HasPrefix(f.Name.Name, "Example") {
				continue
			}
			var body strings.Builder
			if err := printer.Fprint(&body, set, f.Body); err != nil {
				t.Fatal(err)
			}
			text := "package main\n\n"
			for _, i := range syntax.Imports {
				path := strings.Trim(i.Path.Value, "\"")
				if strings.Contains(body.String(), filepath.Base(path)+".") {
					text += "import " + i.Path.Value + "\n"
				}
			}
			dir := filepath.Join(r.dir, "examples", strings.ToLower(f.Name.Name), filepath.Base(filepath.Dir(file)))
			text += "\nfunc main() " + body.String() + "\n"
			if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(dir+"/main.go", []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
			made++
		}
	}
	if made < 4 {
		t.Fatalf("%d examples", made)
	}
	r.run("go", "vet", "./examples/...")
}
