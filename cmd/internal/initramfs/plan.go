// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/fstab"
	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
)

// Plan is what comes into an image.
type Plan struct {
	Kernel   string        `json:"kernel"`
	Modules  []kmod.Module `json:"modules"` // files below /lib/modules/VERSION, in the order of loading
	Crypttab string        `json:"crypttab"`
	Fstab    string        `json:"fstab"`
	// Veritytab are the lines of it that the image needs.
	Veritytab string   `json:"veritytab,omitempty"`
	Tools     []string `json:"tools,omitempty"` // programs that start arrays and volume groups
	Files     []File   `json:"files,omitempty"`
	Left      []string `json:"left_out,omitempty"` // key files
	// Remote are the arguments of the ssh server; none without one.
	Remote []string `json:"remote,omitempty"`
}

// File is one of the machine's.
type File struct {
	Path    string `json:"path"`
	From    string `json:"from,omitempty"`    // where the machine has it, unless there
	Private bool   `json:"private,omitempty"` // for root's eyes
	// A program or a library; a file that may be absent.
	program, optional bool
}

// Plan chooses what the image needs. Errors are of kind ErrForeign, ErrKeyFile
// or kmod.ErrNoModule.
func (f Facts) Plan() (Plan, error) {
	if len(f.Foreign) > 0 && !f.Part {
		return Plan{}, &ForeignError{f.Foreign}
	}
	if f.Index == nil {
		f.Index = kmod.NewIndex(kmod.Lists{Builtin: []byte("dm-crypt.ko")})
	}
	if !f.Index.Has("dm_crypt") {
		return Plan{}, fmt.Errorf("dm_crypt: %w", kmod.ErrNoModule)
	}
	p := Plan{Kernel: f.Kernel}
	lines, err := p.choose(f)
	if err != nil {
		return Plan{}, err
	}
	if slices.ContainsFunc(lines, isRemote) && !f.Part {
		if f.Remote.Err != nil {
			return Plan{}, f.Remote.Err
		}
		p.Files, p.Remote = append(p.Files, f.Remote.Files...), f.Remote.serverArguments()
	}
	images := p.chooseImages(f)
	if !f.Part {
		p.Tools = f.tools(lines, images)
	}
	f.Tools = p.Tools
	if p.Modules, err = f.Index.Resolve(append(f.wanted(lines, images), f.Modules...)...); err != nil {
		return Plan{}, err
	}
	for _, e := range images {
		p.Veritytab += e.String() + "\n"
	}
	for _, l := range lines {
		p.Crypttab += l.String() + "\n"
	}
	if f.Root.Source != "" {
		p.Fstab = fmt.Sprintf("%s / %s %s 0 0\n", fstab.Escape(f.Root.Source), orAuto(f.Root.Type),
			orDefaults(f.Root.Options))
	}
	return p, nil
}

func orAuto(kind string) string {
	if kind == "" {
		return "auto"
	}
	return kind
}

func orDefaults(options string) string {
	if options == "" {
		return "defaults"
	}
	return options
}

// uncompressed is a module's file in the image.
func uncompressed(file string) string {
	for _, ending := range []string{".gz", ".xz", ".zst"} {
		file = strings.TrimSuffix(file, ending)
	}
	return file
}

func moduleDir(kernel string) string { return path.Join("/lib/modules", kernel) }
