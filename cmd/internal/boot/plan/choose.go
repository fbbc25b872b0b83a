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
		if !slices.ContainsFunc(b.plan.Volumes, func(v Volume) bool { return v.Called(name) }) &&
			!slices.Contains(b.images, name) {
			b.plan.Unknown = append(b.plan.Unknown, name)
		}
	}
	b.plan.Volumes = slices.DeleteFunc(b.plan.Volumes, func(v Volume) bool {
		switch {
		case slices.ContainsFunc(b.request.Taken, v.Called):
			b.note("%s is open already", v.Name)
			return true
		case len(names) > 0:
			return !slices.ContainsFunc(names, v.Called)
		}
		return v.Options.NoAuto
	})
}

// markRoot finds the volume that root= names, and where root= lies elsewhere (a volume group, a file
// system by uuid) takes none for it: then all that is required is.
func (b *builder) markRoot() {
	for i := range b.plan.Volumes {
		v := &b.plan.Volumes[i]
		if b.isRoot(v.Name) || v.Unnamed && strings.HasPrefix(b.settings.Root, "/dev/mapper/"+v.Name) {
			v.Root, v.Required = true, true
		}
	}
}

func (b *builder) isRoot(name string) bool { return b.settings.Root == "/dev/mapper/"+name }

// Called tells that the volume was asked for by that name.
func (v Volume) Called(name string) bool { return v.Name == name || slices.Contains(v.Also, name) }
