// SPDX-License-Identifier: Apache-2.0

package device

import (
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
)

// Identity is a device, or an image file, and the names it answers to.
type Identity struct {
	Node         string // path of the device node or file
	Name         string // the kernel's, "vda1"; empty for a file
	Major, Minor uint32 // 0 and 0 for a file
	DiskSeq      uint64
	Contents     string // what it holds, in blkid's words: "crypto_LUKS", "ext4"
	UUID, Label  string
	PartUUID     string
	PartLabel    string
	Signs        string // USAGE:HASH where it is a signature partition of the Discoverable Partitions Specification
	Serial       string
	IDs          []string // names of /dev/disk/by-id
	Ports        []string // names of /dev/disk/by-path
	Links        []string // udev's links, whole paths
	Held         bool     // something else uses it
	ReadOnly     bool
	unmapped     bool // a mapping without a table, in the making: it answers to nothing yet
}

// Answers tells whether the reference means this device. Paths are the Watcher's business, except
// for those of nodes and links. Uuids are compared whatever their case.
func (i *Identity) Answers(r plan.Reference) bool {
	if i.unmapped {
		return false
	}
	switch r.Kind {
	case plan.UUID:
		return i.UUID != "" && strings.EqualFold(i.UUID, r.Value)
	case plan.Beginning:
		return i.Contents == "crypto_LUKS" && strings.HasPrefix(strings.ToLower(i.UUID), r.Value)
	case plan.Label:
		return i.Label != "" && i.Label == r.Value
	case plan.PartUUID:
		return i.PartUUID != "" && strings.EqualFold(i.PartUUID, r.Value)
	case plan.PartLabel:
		return i.PartLabel != "" && i.PartLabel == r.Value
	case plan.Signature:
		return i.signs(r.Value)
	case plan.Serial:
		return i.Serial != "" && i.Serial == r.Value
	case plan.ID:
		return slices.Contains(i.IDs, r.Value) || slices.Contains(i.Links, "/dev/disk/by-id/"+r.Value)
	case plan.Port:
		return slices.Contains(i.Ports, r.Value) || slices.Contains(i.Links, "/dev/disk/by-path/"+r.Value)
	case plan.Path:
		return i.Node == r.Value || slices.Contains(i.Links, r.Value)
	}
	return false
}
