// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/veritytab"
)

// The mappings of a verified root and of a verified /usr.
const (
	RootMapping = "root"
	UsrMapping  = "usr"
)

// Verified is an image that dm-verity is to map.
type Verified struct {
	_ [0]func() // no comparison is made of it

	Name       string
	From       string    // "roothash=", "veritytab line 3"
	Data, Hash Reference `json:",omitzero"`  // zero: the partitions that the root hash names
	Root       string    `json:",omitempty"` // hash, hexadecimal; "": that of the signature partition
	Usage      string    `json:",omitempty"` // root or usr: what a signature partition has to be of; "" for either
	Options    string    `json:",omitempty"` // of veritytab(5)
	Required   bool      // the boot does not go on without it
}

// AutoSignature is the value of root-hash-signature= that stands for the signature partition.
const AutoSignature = "auto"

// Signed tells that a signature partition is needed.
func (v Verified) Signed() bool {
	signature, _ := veritytab.Value(v.Options, "root-hash-signature")
	return v.Root == "" || signature == AutoSignature
}

// verified plans the images of the kernel's command line and of the veritytab.
func (b *builder) verified() {
	s := b.settings.Verity
	if s.Off {
		b.note("the command line says that no image is to be mapped by dm-verity")
		return
	}
	// The main system has its root.
	if s.RootWanted() && b.settings.Initrd {
		b.image(RootMapping, "roothash=", s.Root)
	}
	if s.UsrWanted() {
		b.image(UsrMapping, "usrhash=", s.Usr)
	}
	if !s.NoTable {
		b.veritytab()
	}
}

func (b *builder) image(name, from string, i cmdline.Image) {
	data, hash := i.Devices()
	if i.Root != "" && (data == "" || hash == "") {
		b.note("%s: the root hash is too short to name partitions", from)
	}
	b.addVerified(Verified{
		Name: name, From: from, Data: ParseReference(data), Hash: ParseReference(hash), Root: i.Root, Usage: name,
		Options: i.Options, Required: true,
	})
}

func (b *builder) veritytab() {
	entries, problems := veritytab.Parse(b.request.Veritytab)
	for _, p := range problems {
		b.note("%v", p)
	}
	for _, e := range entries {
		v := Verified{
			Name: e.Name, From: fmt.Sprintf("veritytab line %d", e.Line), Data: ParseReference(e.Data),
			Hash: ParseReference(e.Hash), Root: e.Root, Options: e.Options, Required: !e.NoFail,
		}
		if e.NoAuto && !slices.Contains(b.request.Names, e.Name) {
			continue
		}
		b.addVerified(v)
	}
}

// addVerified keeps what was asked for, is not there yet, and is not named before: the command line wins.
func (b *builder) addVerified(v Verified) {
	same := func(o Verified) bool { return o.Name == v.Name }
	names := b.request.Names
	b.images = append(b.images, v.Name)
	switch i := slices.IndexFunc(b.plan.Verified, same); {
	case len(names) > 0 && !slices.Contains(names, v.Name):
	case slices.Contains(b.request.Taken, v.Name):
		b.note("%s is mapped already", v.Name)
	case i >= 0:
		b.note("%s: %s names the mapping %s, too", v.From, b.plan.Verified[i].From, v.Name)
	default:
		b.plan.Verified = append(b.plan.Verified, v)
	}
}
