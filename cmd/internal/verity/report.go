// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// header is what format and dump report.
type header struct {
	_ [0]func() // no comparison is made of it

	Device        string `json:"device"`
	UUID          string `json:"uuid,omitempty"`
	HashType      uint32 `json:"hash_type"`
	DataBlocks    uint64 `json:"data_blocks"`
	DataBlockSize uint32 `json:"data_block_size"` // bytes
	HashBlocks    uint64 `json:"hash_blocks"`     // of the tree
	HashBlockSize uint32 `json:"hash_block_size"` // bytes
	Algorithm     string `json:"hash"`
	FECRoots      int    `json:"fec_roots,omitempty"`
	FECBlocks     uint64 `json:"fec_blocks,omitempty"`
	Salt          string `json:"salt"`
	RootHash      string `json:"root_hash,omitempty"`
	HashSize      *int64 `json:"hash_device_size,omitempty"` // bytes that are needed
	FECSize       int64  `json:"fec_device_size,omitempty"`  // bytes that are needed
	RootUUID      string `json:"data_partition_uuid,omitempty"`
	HashUUID      string `json:"hash_partition_uuid,omitempty"`
}

func (r *run) header(im *image, root []byte) (*header, error) {
	tree, err := im.Tree()
	if err != nil {
		return nil, explainField(err)
	}
	h := &header{
		Device: im.hash.path, HashType: im.Format, DataBlocks: im.DataBlocks, DataBlockSize: im.DataBlockSize,
		HashBlocks: tree.Blocks, HashBlockSize: im.HashBlockSize, Algorithm: im.Algorithm,
		Salt: hex.EncodeToString(im.Salt), RootHash: hex.EncodeToString(root),
	}
	if im.superblock {
		h.UUID = uuidText(im.UUID)
	}
	if len(root) >= 16 { // the Discoverable Partitions Specification: its first and last 128 bits
		h.RootUUID = uuidText([16]byte(root[:16]))
		h.HashUUID = uuidText([16]byte(root[len(root)-16:]))
	}
	if im.offset == 0 {
		size := im.end(tree)
		h.HashSize = &size
	}
	if im.fec != nil {
		layout, err := im.verity(r).Layout()
		if err != nil {
			return nil, explainField(err)
		}
		h.FECRoots, h.FECBlocks = im.roots, layout.Rounds*uint64(im.roots)
		if h.HashSize != nil && im.fecOnHash() {
			*h.HashSize += layout.Parity
		}
		if im.fecAt == 0 {
			h.FECSize = layout.Parity
		}
	}
	return h, nil
}

// print shows an image; root may be nil.
func (r *run) print(im *image, root []byte) error {
	h, err := r.header(im, root)
	if err != nil {
		return err
	}
	if r.json {
		return r.printJSON(h)
	}
	_, err = fmt.Fprint(r.ui.Out, h.text())
	if err == nil && r.partitionUUIDs {
		err = r.printUUIDs(h)
	}
	return err
}

// printUUIDs names the partitions of the Discoverable Partitions Specification.
func (r *run) printUUIDs(h *header) error {
	if h.RootUUID == "" {
		return setup.Failure(ui.Failed, "The root hash is too short to name partitions.")
	}
	_, err := fmt.Fprintf(r.ui.Out, "Data partition UUID:\t%s\nHash partition UUID:\t%s\n", h.RootUUID, h.HashUUID)
	return err
}

func (r *run) printJSON(v any) error {
	if r.reports != nil {
		*r.reports = append(*r.reports, v)
		return nil
	}
	return setup.JSON(r.ui.Out, v)
}

// text is what veritysetup prints.
func (h *header) text() string {
	var b strings.Builder
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "%-17s\t"+format+"\n", append([]any{label}, args...)...)
	}
	fmt.Fprintf(&b, "VERITY header information for %s.\n", h.Device)
	line("UUID:", "%s", h.UUID)
	line("Hash type:", "%d", h.HashType)
	line("Data blocks:", "%d", h.DataBlocks)
	line("Data block size:", "%d [bytes]", h.DataBlockSize)
	line("Hash blocks:", "%d", h.HashBlocks)
	line("Hash block size:", "%d [bytes]", h.HashBlockSize)
	line("Hash algorithm:", "%s", h.Algorithm)
	if h.FECRoots != 0 {
		fmt.Fprintf(&b, "%-16s\t%d\n", "FEC RS roots:", h.FECRoots)
		fmt.Fprintf(&b, "%-16s\t%d\n", "FEC blocks:", h.FECBlocks)
	}
	line("Salt:", "%s", cmp.Or(h.Salt, "-"))
	if h.RootHash != "" {
		fmt.Fprintf(&b, "%-16s\t%s\n", "Root hash:", h.RootHash)
	}
	if h.HashSize != nil {
		line("Hash device size: ", "%d [bytes]", *h.HashSize)
	}
	if h.FECSize != 0 {
		line("FEC device size:", "%d [bytes]", h.FECSize)
	}
	return b.String()
}

// dumpImage shows what a superblock says.
func (r *run) dumpImage() error {
	im, err := r.load("", r.args[0])
	if err != nil {
		return err
	}
	defer im.close()
	return r.print(im, nil)
}
