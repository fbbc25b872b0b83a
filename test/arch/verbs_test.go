// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"go/ast"
	"slices"
	"strings"
	"testing"
)

// writers are the files of verbs that write to standard output or error themselves: the run, which
// hands them on, progress, which moves the cursor, a key, which is no text, and the guard's log, which
// quotes what it is given.
var writers = []string{
	"cmd/internal/verb/all/all.go", "cmd/internal/verb/keys/dumpkey.go", "cmd/internal/verb/header/progress.go",
	"cmd/internal/verb/keyslot/showrecovery.go", "cmd/internal/verb/mend/rescue.go", "cmd/internal/verb/watch/guard.go",
	"cmd/internal/verb/watch/guard_decide.go",
}

// What verbs print may come from a hostile disk: the lines of package ui make it printable.
func TestVerbsPrintThroughTheUI(t *testing.T) {
	for _, s := range sources(t) {
		if s.test || !within(s.pkg, []string{"cmd/internal/verb/..."}) || slices.Contains(writers, s.file) {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if sel, ok := n.(*ast.SelectorExpr); ok && slices.Contains([]string{"Out", "Err", "Stdout", "Stderr"}, sel.Sel.Name) {
				if of := ofSelector(sel.X); of == "UI" || of == "os" {
					t.Errorf("%s: %s.%s: print with UI.Printf, Show or ShowJSON", s.file, of, sel.Sel.Name)
				}
			}
			return true
		})
	}
}

// ofSelector is the last name of an expression like c.UI or os.
func ofSelector(x ast.Expr) string {
	switch x := x.(type) {
	case *ast.Ident:
		return x.Name
	case *ast.SelectorExpr:
		return x.Sel.Name
	}
	return ""
}

// A function that needs the context of a run takes it as an argument; the context itself knows only
// how to end a run.
func TestTheContextOfARunStaysSmall(t *testing.T) {
	const most = 12
	var methods []string
	for _, s := range sources(t) {
		if s.test || s.pkg != "cmd/internal/verb" {
			continue
		}
		for _, d := range s.syntax.Decls {
			f, isFunc := d.(*ast.FuncDecl)
			if !isFunc || f.Recv == nil {
				continue
			}
			if star, ok := f.Recv.List[0].Type.(*ast.StarExpr); ok && ofSelector(star.X) == "Command" {
				methods = append(methods, f.Name.Name)
			}
		}
	}
	if len(methods) == 0 || len(methods) > most {
		t.Errorf("%d methods (%s), want 1 to %d", len(methods), strings.Join(methods, ", "), most)
	}
}
