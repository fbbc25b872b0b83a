// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"go/ast"
	"strings"
	"testing"
)

// Only test/part knows how much is to run, so that nothing is left out in silence; and no test skips itself.
func TestNothingIsLeftOutInSilence(t *testing.T) {
	for _, s := range sources(t) {
		if s.pkg == "test/part" || s.pkg == "test/arch" {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.BasicLit:
				if strings.Contains(n.Value, `"ORTHRUS_LONG"`) {
					t.Errorf("%s looks at ORTHRUS_LONG: ask test/part", s.file)
				}
			case *ast.CallExpr:
				if of, ok := n.Fun.(*ast.SelectorExpr); ok && skips(of) && s.pkg != "test/vm/machine" {
					t.Errorf("%s skips a test: a test that lacks something fails, and a part left out is for test/part", s.file)
				}
			}
			return true
		})
	}
}

func skips(of *ast.SelectorExpr) bool {
	on, ok := of.X.(*ast.Ident)
	return ok && on.Name == "t" && (of.Sel.Name == "Skip" || of.Sel.Name == "Skipf" || of.Sel.Name == "SkipNow")
}
