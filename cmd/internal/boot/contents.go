// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// makeContents makes swap space or a file system on a volume that lives for one boot.
func (t *task) makeContents(ctx context.Context, node string) error {
	if t.target.Options.Type == crypttab.Swap {
		return makeSwap(node)
	}
	fs := t.target.Options.TmpFS
	if fs == "" {
		fs = "ext4"
	}
	out, err := exec.CommandContext(ctx, "mkfs."+fs, "-q", node).CombinedOutput()
	if err != nil {
		return fmt.Errorf("mkfs.%s: %w: %.200s", fs, err, out)
	}
	return nil
}

// makeSwap writes the header of swap space (linux/swap.h): version le32 at 1024, last page, number of
// bad pages, uuid at 1036; magic in the last ten bytes of the page. All in the processor's order.
func makeSwap(node string) error {
	dev, err := block.Open(node, block.ReadWrite)
	if err != nil {
		return err
	}
	page := int64(os.Getpagesize())
	header := make([]byte, page)
	pages := dev.Size() / page
	if pages < 10 {
		return errors.Join(fmt.Errorf("%s is too small for swap space", node), dev.Close())
	}
	binary.NativeEndian.PutUint32(header[1024:], 1)
	binary.NativeEndian.PutUint32(header[1028:], uint32(min(pages-1, 1<<32-1)))
	if _, err := rand.Read(header[1036:1052]); err != nil {
		return errors.Join(err, dev.Close())
	}
	copy(header[page-10:], "SWAPSPACE2")
	_, err = dev.WriteAt(header, 0)
	return errors.Join(err, dev.Sync(), dev.Close())
}
