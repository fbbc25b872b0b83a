// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"path"
	"slices"
	"strings"
	"testing"
)

func TestImportsFollowTheTable(t *testing.T) {
	for _, s := range sources(t) {
		if !s.test {
			for _, complaint := range judge(rules, s.pkg, s.imports) {
				t.Errorf("%s: %s", s.file, complaint)
			}
		}
	}
}

// judge returns what is wrong with a package's imports.
func judge(table []rule, pkg string, imports []string) []string {
	r, ok := ruleFor(table, pkg)
	if !ok {
		return []string{pkg + " is not in the import table (test/arch/table_test.go)"}
	}
	var wrong []string
	for _, name := range imports {
		if why := forbidden(r, name); why != "" {
			wrong = append(wrong, "imports "+name+": "+why)
		}
	}
	return wrong
}

// ruleFor prefers the rule that names the package itself.
func ruleFor(table []rule, pkg string) (rule, bool) {
	for _, r := range table {
		if r.pkg == pkg {
			return r, true
		}
	}
	i := slices.IndexFunc(table, func(r rule) bool { return within(pkg, []string{r.pkg}) })
	if i < 0 {
		return rule{}, false
	}
	return table[i], true
}

func forbidden(r rule, name string) string {
	own, isOwn := strings.CutPrefix(name, module)
	isOther := strings.Contains(strings.SplitN(name, "/", 2)[0], ".")
	switch {
	case name == "C":
		return "cgo is not used here"
	case r.pure && within(name, impure):
		return r.pkg + " is pure: bytes and values only"
	case name == "testing" && !within(r.pkg, []string{"test/..."}):
		return "only tests and test support import it"
	case isOwn && !r.allows(own):
		return "the import table does not allow it to " + r.pkg
	case !isOwn && isOther && !within(name, r.other):
		return "the import table does not allow that module to " + r.pkg
	}
	return ""
}

func (r rule) allows(own string) bool { return within(own, r.may) && !within(own, r.above) }

func TestJudgeRefusesWhatBreaksTheLayers(t *testing.T) {
	tests := []struct{ name, pkg, imports string }{
		{"a format that opens files", "luks/luks2", "os"},
		{"a format that makes system calls", "luks/luks1", "golang.org/x/sys/unix"},
		{"a format that knows device-mapper", "luks/header", module + "dm"},
		{"device-mapper that knows LUKS", "dm", module + "luks/luks2"},
		{"udev that knows LUKS", "udev", module + "luks"},
		{"a library that uses commands", "luks", module + "cmd/internal/ui"},
		{"volumes that know how they are opened", "luks", module + "luks/open"},
		{"a library that uses test support", "dm/block", module + "test/crash/disk"},
		{"a command that uses test support", "cmd/orthrus", module + "test/vm/machine"},
		{"a library that imports testing", "luks/kdf", "testing"},
		{"cgo", "dm", "C"},
		{"a module nobody agreed on", "luks/af", "github.com/example/anything"},
		{"a package without a place", "luks/utilities", "fmt"},
		{"a top-level package", "internal", "fmt"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if len(judge(rules, test.pkg, []string{test.imports})) == 0 {
				t.Errorf("%s may import %s", test.pkg, test.imports)
			}
		})
	}
}

func TestTableHasNoCycle(t *testing.T) {
	state := map[string]int{} // 1 on the path, 2 done
	var visit func(pkg string)
	visit = func(pkg string) {
		if state[pkg] == 1 {
			t.Fatalf("%s may import itself through others", pkg)
		}
		if state[pkg] == 2 {
			return
		}
		state[pkg] = 1
		r, _ := ruleFor(rules, pkg)
		for _, next := range rules {
			if next.pkg != pkg && r.allows(next.pkg) {
				visit(next.pkg)
			}
		}
		state[pkg] = 2
	}
	for _, r := range rules {
		visit(r.pkg)
	}
}

func TestUnsafeOnlyWhereListed(t *testing.T) {
	var found []string
	for _, s := range sources(t) {
		if s.test || !slices.Contains(s.imports, "unsafe") {
			continue
		}
		found = append(found, s.file)
		if !slices.Contains(unsafeFiles, s.file) {
			t.Errorf("%s imports unsafe: list it in test/arch/table_test.go with its reason, or do without", s.file)
		}
	}
	for _, file := range unsafeFiles {
		if !slices.Contains(found, file) {
			t.Errorf("%s is listed for unsafe and does not use it", file)
		}
	}
}

func TestNoLinkname(t *testing.T) {
	for _, s := range sources(t) {
		for _, group := range s.syntax.Comments {
			for _, c := range group.List {
				if strings.HasPrefix(c.Text, "//go:linkname") {
					t.Errorf("%s: %s", s.file, c.Text)
				}
			}
		}
	}
}

func TestNoVagueNames(t *testing.T) {
	vague := []string{"util", "utils", "common", "helper", "helpers", "manager", "misc"}
	for _, s := range sources(t) {
		if slices.Contains(vague, path.Base(s.pkg)) || slices.Contains(vague, strings.TrimSuffix(path.Base(s.file), ".go")) {
			t.Errorf("%s: a name that says nothing", s.file)
		}
	}
}
