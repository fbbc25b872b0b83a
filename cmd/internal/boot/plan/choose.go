// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"slices"
	"strings"
)

// choose drops what is not to be unlocked now.
func (b *builder) choose() {
	names := b.request.Names
	for _, name := range names {
		if !slices.ContainsFunc(b.plan.Volumes, func(v Volume) bool { return v.Name == name }) {
			b.note("nothing is known of a volume named %s", name)
		}
	}
	b.plan.Volumes = slices.DeleteFunc(b.plan.Volumes, func(v Volume) bool {
		switch {
		case slices.Contains(b.request.Taken, v.Name):
			b.note("%s is open already", v.Name)
			return true
		case len(names) > 0:
			return !slices.Contains(names, v.Name)
		}
		return v.Options.NoAuto
	})
}

// markRoot finds the volume that root= names, and where root= lies elsewhere (a volume group, a file
// system by uuid) takes none for it: then all that is required is.
func (b *builder) markRoot() {
	name, found := strings.CutPrefix(b.settings.Root, "/dev/mapper/")
	for i := range b.plan.Volumes {
		v := &b.plan.Volumes[i]
		if found && v.Name == name {
			v.Root, v.Required = true, true
		}
	}
}
