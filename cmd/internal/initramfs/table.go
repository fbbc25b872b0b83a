// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// line is one of crypttab(5): name, device, key, options.
type line struct{ name, device, key, options string }

func (l line) String() string {
	return strings.TrimRight(fmt.Sprintf("%s %s %s %s", l.name, l.device, l.key, l.options), " ")
}

func parseTable(text string) []line {
	var lines []line
	for row := range strings.Lines(text) {
		f := append(strings.Fields(row), "", "", "")
		if len(f) < 5 || strings.HasPrefix(f[0], "#") {
			continue
		}
		if f[2] == "" {
			f[2] = "none"
		}
		lines = append(lines, line{f[0], f[1], f[2], f[3]})
	}
	return lines
}

func (l line) has(option string) bool {
	return slices.Contains(strings.Split(l.options, ","), option)
}

// value returns what an option is set to.
func (l line) value(option string) string {
	for word := range strings.SplitSeq(l.options, ",") {
		if value, found := strings.CutPrefix(word, option+"="); found {
			return value
		}
	}
	return ""
}

// early tells whether the table itself asks for the volume at early boot.
func (l line) early() bool { return l.has("initramfs") || l.has("x-initrd.attach") }

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
func (p *Plan) choose(f Facts) ([]line, error) {
	table := parseTable(f.Crypttab)
	for _, v := range f.Volumes {
		if !slices.ContainsFunc(table, func(l line) bool { return l.name == v.Name }) && v.UUID != "" {
			table = append(table, line{v.Name, "UUID=" + v.UUID, "none", "luks"})
		}
	}
	var lines []line
	for _, l := range table {
		if !f.below(l.name) && !l.early() {
			continue
		}
		if err := p.takeFiles(&l, f); err != nil {
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

// below tells whether the root lies on the mapping of that name.
func (f Facts) below(name string) bool {
	return slices.ContainsFunc(f.Volumes, func(v Volume) bool { return v.Name == name })
}

// takeFiles notes a line's detached header and key file.
func (p *Plan) takeFiles(l *line, f Facts) error {
	if header, is := brought(l.value("header")); is {
		p.Files = append(p.Files, File{Path: header, Private: true})
	}
	key, is := brought(l.key)
	switch {
	case !is:
	case f.Keys:
		p.Files = append(p.Files, File{Path: key, Private: true})
	case f.Part:
		p.Left, l.key = append(p.Left, key), "none"
	default:
		return &KeyFileError{l.name, key}
	}
	return nil
}
