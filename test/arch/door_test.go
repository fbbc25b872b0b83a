// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"go/ast"
	"slices"
	"testing"
)

// Metadata is written through luks/commit alone: nothing else of luks and cmd calls WriteAt, but for those who
// write data and are listed with their reason.
func TestOnlyTheDoorWritesMetadata(t *testing.T) {
	found := map[string]bool{}
	for _, s := range sources(t) {
		if s.test || s.pkg == "luks/commit" || !within(s.pkg, []string{"luks/...", "cmd/..."}) {
			continue
		}
		ast.Inspect(s.syntax, func(n ast.Node) bool {
			if call, ok := n.(*ast.CallExpr); ok && writes(call) {
				found[s.file] = true
			}
			return true
		})
	}
	for file := range found {
		if !slices.Contains(dataWriters, file) {
			t.Errorf("%s calls WriteAt: give luks/commit a change, or list it as a writer of data", file)
		}
	}
	for _, file := range dataWriters {
		if !found[file] {
			t.Errorf("%s is listed as a writer of data and calls no WriteAt", file)
		}
	}
}

func writes(call *ast.CallExpr) bool {
	of, ok := call.Fun.(*ast.SelectorExpr)
	return ok && of.Sel.Name == "WriteAt"
}
