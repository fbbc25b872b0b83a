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
	"sort"
	"strings"
	"testing"
)

// public are the packages that others are to import, and those whose types stand in their names.
var public = []string{
	"luks", "dm", "udev", "dm/block", "dm/secret", "luks/activate", "luks/format", "luks/kdf", "luks/keys",
	"luks/unlock", "luks/view",
}

// TestTheAPIIsTheListedOne compares what is exported with testdata/api.txt: a change of either is one of the API, and
// CHANGELOG.md tells of it. With ORTHRUS_UPDATE=1 the listing is written anew.
func TestTheAPIIsTheListedOne(t *testing.T) {
	var listing strings.Builder
	for _, pkg := range public {
		lines := exported(t, pkg)
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
			list = append(list, declared(t, pkg, decl)...)
		}
	}
	return list
}

// declared are the parts of a declaration, each on lines of its own that begin with what it is.
func declared(t *testing.T, pkg string, decl ast.Decl) (list []string) {
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
