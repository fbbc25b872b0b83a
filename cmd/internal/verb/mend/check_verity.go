// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/uuid"
	"github.com/orthrus-luks/orthrus/dm/verity"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// verityChecked is what check says of a hash device of dm-verity. No keyslot is lost here: what is damaged can be made
// again from the data, so that the verdict is healthy or healable.
type verityChecked struct {
	Verdict    string   `json:"verdict"`
	UUID       string   `json:"uuid,omitempty"`
	Hash       string   `json:"hash,omitempty"`
	DataBlocks uint64   `json:"data_blocks"`
	BlockSize  uint32   `json:"data_block_size"` // bytes
	HashBlocks uint64   `json:"hash_blocks"`     // of the tree
	Findings   []string `json:"findings"`
	code       ui.ExitCode
}

func (v *verityChecked) add(format string, args ...any) {
	v.Verdict, v.code = inspect.Healable.String(), verb.Healable
	v.Findings = append(v.Findings, fmt.Sprintf(format, args...))
}

// checkVerity looks at superblock and tree; nil for what has no superblock.
func checkVerity(ctx context.Context, dev *block.Device) *verityChecked {
	v := &verityChecked{Verdict: "healthy", Findings: []string{}}
	sb, err := verity.ReadSuperblock(dev, 0)
	var field *verity.FieldError
	switch {
	case errors.As(err, &field):
		v.add("the superblock is damaged: its %s is %.40q, and that cannot be (%s); verity format with the image's own "+
			"salt, sizes and hash makes it anew", field.Field, fmt.Sprint(field.Value), field.Why)
		return v
	case err != nil:
		return nil
	}
	v.UUID = uuid.Dashed(hex.EncodeToString(sb.UUID[:]))
	v.Hash, v.DataBlocks, v.BlockSize = sb.Algorithm, sb.DataBlocks, sb.DataBlockSize
	v.judgeTree(ctx, sb, dev)
	return v
}

func (v *verityChecked) judgeTree(ctx context.Context, sb *verity.Superblock, dev *block.Device) {
	tree, err := sb.Tree()
	if err != nil {
		v.add("%v", err)
		return
	}
	v.HashBlocks = tree.Blocks
	im := &verity.Image{Params: sb.Params, Hash: dev, FirstBlock: sb.FirstBlock(0, true)}
	if end := int64(im.FirstBlock+tree.Blocks) * int64(sb.HashBlockSize); end > dev.Size() {
		v.add("the tree ends at byte %d, and the device at byte %d", end, dev.Size())
		return
	}
	damage, err := im.VerifyTree(ctx)
	if err != nil {
		v.add("%v", err)
		return
	}
	for level := range damage.Tree {
		if n := damage.Tree[level].Len(); n > 0 {
			v.add("%d blocks of level %d of the tree do not have the hashes above them", n, level)
		}
		if n := damage.Stray[level].Len(); n > 0 {
			v.add("%d blocks of level %d of the tree hold more than the hashes of %d data blocks", n, level,
				sb.DataBlocks)
		}
	}
}

func printVerity(c *verb.Command, one checked) {
	v := one.Verity
	printState(c, one.Device, "dm-verity hash device "+v.UUID, v.Verdict)
	if v.Hash != "" {
		c.UI.Printf("  tree: %s over %d data blocks of %d bytes, %d hash blocks", v.Hash, v.DataBlocks, v.BlockSize,
			v.HashBlocks)
	}
	for _, text := range v.Findings {
		c.UI.Printf("  healable: %s", text)
	}
	if c.UI.Own {
		c.UI.Itemf("  note: ", "orthrus verity verify tells whether data are those of a root hash.")
	}
}
