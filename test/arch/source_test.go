// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

const (
	root   = "../.."
	module = "github.com/orthrus-luks/orthrus/"
)

// source is one Go file, whatever it is built for.
type source struct {
	file    string // relative to the root
	pkg     string // its directory
	test    bool
	imports []string
	syntax  *ast.File
}

// sources parses every Go file of the module; nested modules have rules of
// their own.
func sources(t *testing.T) []source {
	t.Helper()
	var all []source
	walk(t, func(file string) {
		if path.Ext(file) == ".go" {
			all = append(all, parse(t, file))
		}
	})
	if len(all) < 50 {
		t.Fatalf("found only %d files under %s", len(all), root)
	}
	return all
}

// walk calls visit for each file of the module, by its path from the root.
func walk(t *testing.T, visit func(file string)) {
	t.Helper()
	err := filepath.WalkDir(root, func(p string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name := filepath.ToSlash(strings.TrimPrefix(p, root+"/"))
		if e.IsDir() {
			return skipFolder(p, name)
		}
		visit(name)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func skipFolder(p, name string) error {
	base := path.Base(name)
	_, err := os.Stat(filepath.Join(p, "go.mod"))
	nested := err == nil && name != root
	if nested || base == "testdata" || name == "bin" || name != root && strings.HasPrefix(base, ".") && base != ".ci" {
		return fs.SkipDir
	}
	return nil
}

func parse(t *testing.T, file string) source {
	t.Helper()
	syntax, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, file), nil, parser.ParseComments|parser.SkipObjectResolution)
	if err != nil {
		t.Fatal(err)
	}
	s := source{file: file, pkg: path.Dir(file), test: strings.HasSuffix(file, "_test.go"), syntax: syntax}
	for _, spec := range syntax.Imports {
		name, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			t.Fatal(err)
		}
		s.imports = append(s.imports, name)
	}
	return s
}

// within tells whether a path is one of the patterns, of which "x/..." is x and
// all below.
func within(name string, patterns []string) bool {
	for _, p := range patterns {
		below, deep := strings.CutSuffix(p, "/...")
		if name == p || deep && (name == below || strings.HasPrefix(name, below+"/")) {
			return true
		}
	}
	return false
}
