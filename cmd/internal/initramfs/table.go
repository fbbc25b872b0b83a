// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"path"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/tools"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/veritytab"
)

// parseTable reads the lines that can be used; what is wrong with others is said at boot.
func parseTable(text string) []crypttab.Entry {
	entries, _ := crypttab.Parse([]byte(text))
	return entries
}

// onDevice splits "/key:LABEL=stick" into the file and the device that has it.
func onDevice(name string) (file, device string, found bool) {
	file, device, found = strings.Cut(name, ":")
	return file, device, found && strings.HasPrefix(file, "/")
}

// brought returns a file of this machine that the line needs in the image: not
// one on another device, nor a device itself.
func brought(name string) (string, bool) {
	_, _, elsewhere := onDevice(name)
	is := strings.HasPrefix(name, "/") && !strings.HasPrefix(name, "/dev/") && !elsewhere
	return path.Clean(name), is
}

// choose picks the lines that the root needs, with a line for a volume that the
// table does not have, and notes the files they need.
func (p *Plan) choose(f Facts) ([]crypttab.Entry, error) {
	table := parseTable(f.Crypttab)
	for _, v := range f.Volumes {
		if !slices.ContainsFunc(table, func(l crypttab.Entry) bool { return l.Name == v.Name }) && v.UUID != "" {
			table = append(table, crypttab.Entry{Name: v.Name, Device: "UUID=" + v.UUID, Written: "luks"})
		}
	}
	var lines []crypttab.Entry
	for _, l := range table {
		if !f.below(l.Name) && !l.Options.Initrd {
			continue
		}
		if err := p.takeFiles(&l, f); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// chooseImages picks the lines of the veritytab that the root needs, and notes the files they need.
func (p *Plan) chooseImages(f Facts) (lines []veritytab.Entry) {
	table, _ := veritytab.Parse([]byte(f.Veritytab)) // what is wrong with lines is said at boot
	for _, e := range table {
		if !e.Initrd && !f.verified(e.Name) {
			continue
		}
		for _, option := range []string{"root-hash-signature", "fec-device"} {
			value, _ := e.Value(option)
			if file, is := brought(value); is {
				p.Files = append(p.Files, File{Path: file})
			}
		}
		lines = append(lines, e)
	}
	return lines
}

// tools are the programs that start what the root and early volumes lie on: those found below the root, those asked
// for, and those that the names of devices tell of.
func (f Facts) tools(lines []crypttab.Entry, images []veritytab.Entry) []string {
	known := append(parseTable(f.Crypttab), lines...)
	mapped := func(name string) bool {
		return slices.ContainsFunc(known, func(l crypttab.Entry) bool { return l.Name == name }) ||
			slices.ContainsFunc(images, func(e veritytab.Entry) bool { return e.Name == name })
	}
	var all []string
	for _, name := range f.Tools {
		add(&all, name)
	}
	add(&all, tools.ForName(f.Root.Source, mapped))
	for _, l := range lines {
		add(&all, tools.ForName(l.Device, mapped))
	}
	return all
}

// below tells whether the root lies on the mapping of that name.
func (f Facts) below(name string) bool {
	return slices.ContainsFunc(f.Volumes, func(v Volume) bool { return v.Name == name })
}

// verified tells whether the root lies on the mapping by dm-verity of that name.
func (f Facts) verified(name string) bool { return slices.Contains(f.Verity, name) }

// takeFiles notes a line's detached header and key file.
func (p *Plan) takeFiles(l *crypttab.Entry, f Facts) error {
	if header, is := brought(l.Options.Header); is {
		p.Files = append(p.Files, File{Path: header, Private: true})
	}
	key, is := brought(l.Key)
	switch {
	case !is:
	case f.Keys:
		p.Files = append(p.Files, File{Path: key, Private: true})
	case f.Part:
		p.Left, l.Key = append(p.Left, key), "none"
	default:
		return &KeyFileError{l.Name, key}
	}
	return nil
}
