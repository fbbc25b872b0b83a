// SPDX-License-Identifier: Apache-2.0

// Package units makes systemd's units of a crypttab: for each line a drop-in of orthrus@NAME.service and
// the links that start it, as systemd.generator(7) wants them.
//
//	orthrus@NAME.service.d/50-crypttab.conf               order, and the file systems that it needs
//	cryptsetup.target.requires/orthrus@NAME.service       unless noauto; .wants with nofail, remote- with _netdev
//	dev-mapper-NAME.device.requires/orthrus@NAME.service  whoever waits for the device starts it
package units

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
)

// Template is the unit that all links lead to.
const Template = "/usr/lib/systemd/system/orthrus@.service"

// File is a file below the generator's folder; one without text is a link to Template.
type File struct{ Path, Text string }

// Make lists the files for the lines of a crypttab. What is wrong with others is said when they are to be
// unlocked.
func Make(text []byte) []File {
	var all []File
	entries, _ := crypttab.Parse(text)
	for _, e := range entries {
		all = append(all, of(e)...)
	}
	return all
}

func of(e crypttab.Entry) []File {
	name := Escape(e.Name)
	unit := "orthrus@" + name + ".service"
	target, kind := "cryptsetup.target", "requires"
	if e.Options.Network {
		target = "remote-cryptsetup.target"
	}
	if e.Options.NoFail {
		kind = "wants"
	}
	all := []File{
		{unit + ".d/50-crypttab.conf", dropIn(e, name, target)},
		{"dev-mapper-" + name + ".device.requires/" + unit, ""},
	}
	if !e.Options.NoAuto {
		all = append(all, File{target + "." + kind + "/" + unit, ""})
	}
	return all
}

func dropIn(e crypttab.Entry, name, target string) string {
	var b strings.Builder
	b.WriteString("# Made by orthrus-generator from /etc/crypttab.\n[Unit]\nSourcePath=/etc/crypttab\n")
	fmt.Fprintf(&b, "Before=blockdev@dev-mapper-%s.target\n", name)
	if !e.Options.NoFail {
		fmt.Fprintf(&b, "Before=%s\n", target)
	}
	for _, path := range mounts(e) {
		fmt.Fprintf(&b, "RequiresMountsFor=%s\n", quote(path))
	}
	return b.String()
}

// mounts are the paths whose file systems must be there first: of an image, a key file and a header, where
// they are files of this system.
func mounts(e crypttab.Entry) (paths []string) {
	add := func(path string) {
		if isFile(path) {
			paths = append(paths, path)
		}
	}
	p := plan.Make(plan.Request{Crypttab: []byte(e.String()), Names: []string{e.Name}})
	for _, v := range p.Volumes {
		if v.Device.Kind == plan.Path {
			add(v.Device.Value)
		}
		if v.Key.Device.IsZero() {
			add(v.Key.Path)
		}
		if v.Header.Device.IsZero() {
			add(v.Header.Path)
		}
	}
	return paths
}

// isFile tells a path that a file system has to be mounted for from one of the kernel's own.
func isFile(path string) bool {
	for _, folder := range []string{"/dev/", "/proc/", "/sys/"} {
		if strings.HasPrefix(path, folder) {
			return false
		}
	}
	return strings.HasPrefix(path, "/")
}

// quote writes a path as a word of a unit, in which % and \ have a meaning.
func quote(path string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "%", "%%", "\n", `\n`, "\t", `\t`).Replace(path) + `"`
}

// plain are the characters that stay in a unit's name.
const plain = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ:_"

// Escape writes a name as a part of a unit's name, as systemd-escape(1) does.
func Escape(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		c := name[i]
		switch {
		case c == '/':
			b.WriteByte('-')
		case strings.IndexByte(plain, c) >= 0, c == '.' && i > 0:
			b.WriteByte(c)
		default:
			fmt.Fprintf(&b, `\x%02x`, c)
		}
	}
	return b.String()
}
