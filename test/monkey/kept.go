// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"path/filepath"
	"slices"
)

// keptSound: what our program keeps of a volume elsewhere does not outlive a revocation that it carried out.
func (w *World) keptSound(j judged) error {
	revoked := slices.ContainsFunc(j.action.Victims, func(name string) bool {
		return j.before.has(name) && !w.state.has(name)
	})
	if !j.by.Ours || j.result.Code != 0 || !revoked {
		return nil
	}
	files, err := filepath.Glob(w.path(filepath.Join("state", "undo", j.before.UUID+"-*")))
	if err == nil && len(files) > 0 {
		return fault("what was kept outlives a revocation: " + filepath.Base(files[0]))
	}
	return err
}
