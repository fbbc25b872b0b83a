// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/printer"
	"go/token"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"sort"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
)

// public are the packages that others are to import. All other packages below luks, dm and udev are parts of these, which
// the program needs too: that is why no internal folder hides them.
var public = []string{"luks", "luks/activate", "luks/kdf", "dm", "dm/block", "dm/secret", "dm/target", "udev"}

// behind are packages of which others need the types alone, which have names in luks.
var behind = []string{"luks/format", "luks/keys", "luks/unlock", "luks/view"}

// TestThePublicPackagesAreNamed holds the documentation against that.
func TestThePublicPackagesAreNamed(t *testing.T) {
	for _, file := range []string{"luks/doc.go", "cmd/pages/architecture.md"} {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		plain := strings.Join(strings.Fields(strings.NewReplacer("//", "", "`", "").Replace(string(text))), " ")
		want := strings.Join(public[:len(public)-1], ", ") + " and " + public[len(public)-1]
		if !strings.Contains(plain, want) {
			t.Errorf("%s does not name %s", file, want)
		}
	}
}

// TestTheAPIIsTheListedOne compares what is exported with testdata/api.txt: a change of either is one of the API, and
// CHANGELOG.md tells of it. With ORTHRUS_UPDATE=1 the listing is written anew.
func TestTheAPIIsTheListedOne(t *testing.T) {
	var listing strings.Builder
	for _, pkg := range append(append([]string{}, public...), behind...) {
		lines := exported(t, pkg)
		if slices.Contains(behind, pkg) {
			lines = slices.DeleteFunc(lines, func(line string) bool {
				return !strings.HasPrefix(line, "type ") && !strings.HasPrefix(line, "func (")
			})
		}
		sort.Strings(lines)
		listing.WriteString("package " + pkg + "\n\n" + strings.Join(lines, "\n") + "\n\n")
	}
	const name = "testdata/api.txt"
	if os.Getenv("ORTHRUS_UPDATE") != "" {
		if err := os.WriteFile(name, []byte(listing.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	listed, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	had := strings.Split(string(listed), "\n")
	for _, line := range missing(strings.Split(listing.String(), "\n"), had) {
		t.Errorf("not listed (ORTHRUS_UPDATE=1 lists it): %s", line)
	}
	for _, line := range missing(had, strings.Split(listing.String(), "\n")) {
		t.Errorf("listed, and not there: %s", line)
	}
}

// missing are the lines that the others lack.
func missing(lines, others []string) (list []string) {
	there := map[string]bool{}
	for _, line := range others {
		there[line] = true
	}
	for _, line := range lines {
		if !there[line] {
			list = append(list, line)
		}
	}
	return list
}

// exported are the exported declarations of a package, without comments and bodies.
func exported(t *testing.T, pkg string) (list []string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(root, pkg, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		syntax, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		ast.FileExports(syntax)
		for _, decl := range syntax.Decls {
			if f, ok := decl.(*ast.FuncDecl); ok && f.Recv != nil && !reachable(f.Recv.List[0].Type) {
				continue
			}
			list = append(list, declared(t, decl)...)
		}
	}
	return list
}

// reachable tells whether others can name a receiver's type.
func reachable(receiver ast.Expr) bool {
	if p, ok := receiver.(*ast.StarExpr); ok {
		receiver = p.X
	}
	name, ok := receiver.(*ast.Ident)
	return !ok || name.IsExported()
}

// declared are the parts of a declaration, each on lines of its own that begin with what it is.
func declared(t *testing.T, decl ast.Decl) (list []string) {
	t.Helper()
	put := func(word string, node any) {
		var b bytes.Buffer
		if err := printer.Fprint(&b, token.NewFileSet(), node); err != nil {
			t.Fatal(err)
		}
		text := strings.Join(strings.Fields(b.String()), " ")
		list = append(list, strings.TrimSpace(word+" "+text))
	}
	switch d := decl.(type) {
	case *ast.FuncDecl:
		d.Body = nil
		put("", d)
	case *ast.GenDecl:
		for _, spec := range d.Specs {
			if _, isImport := spec.(*ast.ImportSpec); !isImport {
				put(d.Tok.String(), spec)
			}
		}
	}
	return list
}

// TestOptionsThatAreAliasesNameTheirFields holds what go doc shows of them against the fields that they have.
func TestOptionsThatAreAliasesNameTheirFields(t *testing.T) {
	for name, of := range map[string]reflect.Type{
		"FormatOptions": reflect.TypeFor[luks.FormatOptions](), "NewKeyslot": reflect.TypeFor[luks.NewKeyslot](),
		"UnlockOptions": reflect.TypeFor[luks.UnlockOptions](),
	} {
		files, err := filepath.Glob(filepath.Join(root, "luks", "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		said := ""
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if before, _, found := strings.Cut(string(text), "\ntype "+name+" = "); found {
				said = before[strings.LastIndex(before, "\n\n"):]
			}
		}
		for i := range of.NumField() {
			if field := of.Field(i); field.IsExported() && !strings.Contains(said, field.Name) {
				t.Errorf("luks.%s does not tell of %s", name, field.Name)
			}
		}
	}
}
