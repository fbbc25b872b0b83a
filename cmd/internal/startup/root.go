// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"errors"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/fstab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
)

// Root is the file system to hand over to.
type Root struct {
	Source   string   // as in fstab(5)
	Types    []string // to be tried in this order; none: find out
	Options  string   // as in mount(8), with commas
	ReadOnly bool
	Init     string // a path in the root; "": the usual ones
}

// The mappings of a root and a /usr on dm-verity.
const (
	VerityRoot = "/dev/mapper/" + plan.RootMapping
	VerityUsr  = "/dev/mapper/" + plan.UsrMapping
)

// ErrNoRoot says that neither the kernel command line nor the image names a
// root.
var ErrNoRoot = errors.New("no root file system is named: root= is missing on the kernel command line")

// RootOf takes the root from the kernel command line, and from the image's
// fstab where that says nothing.
func RootOf(line cmdline.Settings, table []fstab.Mount) (Root, error) {
	root := Root{
		Source: line.Root, Types: types(line.RootTypes), Options: line.RootFlags,
		ReadOnly: !line.Writable, Init: line.Init,
	}
	own := fstab.At("/", table)
	if line.Verity.RootWanted() {
		root.ReadOnly = true
		if root.Source == "" {
			root.Source = VerityRoot
		}
	}
	if root.Source == "" {
		root.Source = own.Source
	}
	if root.Source == "" {
		return Root{}, ErrNoRoot
	}
	// Type and options of the table are about its own device.
	if root.Source == own.Source {
		root.complete(own)
	}
	return root, nil
}

// UsrOf takes a /usr of its own from the kernel command line; without a source there is none.
func UsrOf(line cmdline.Settings) Root {
	usr := Root{
		Source: line.Usr.Source, Types: types(line.Usr.Types), Options: line.Usr.Flags, ReadOnly: !line.Writable,
	}
	if line.Verity.UsrWanted() {
		usr.ReadOnly = true
		if usr.Source == "" {
			usr.Source = VerityUsr
		}
	}
	return usr
}

func (r *Root) complete(own fstab.Mount) {
	if r.Types == nil {
		r.Types = types(own.Type)
	}
	if r.Options == "" {
		r.Options = own.Options
	}
}

// types reads a list of file systems; "auto" is none.
func types(value string) []string {
	var list []string
	for kind := range strings.SplitSeq(value, ",") {
		if kind != "" && kind != "auto" {
			list = append(list, kind)
		}
	}
	return list
}

// inits are the programs that take over where the command line names none. No
// shell is among them.
var inits = []string{"/sbin/init", "/usr/lib/systemd/systemd", "/lib/systemd/systemd", "/etc/init", "/bin/init"}

// candidates are the programs to try, in order.
func (r Root) candidates() []string {
	if r.Init != "" {
		return []string{r.Init}
	}
	return slices.Clone(inits)
}
