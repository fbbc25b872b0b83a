// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/signature"
	"golang.org/x/sys/unix"
)

// Contents tells where what lies on a mapped device ends, as signature.Inside does, for the node at
// path. It reads through the page cache, in which a mounted ext4 keeps its superblock; a suspended mapping, whose reads would wait, is a StateError. XFS keeps its
// own apart and may write it back long after it grew, so it is also asked for its size where it is
// mounted.
func Contents(path string) (_ signature.Contents, err error) {
	dev, err := block.Open(path, 0)
	if errors.Is(err, block.ErrSuspended) {
		err = &StateError{filepath.Base(path), ErrSuspended}
	}
	if err != nil {
		return signature.Contents{}, err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	inside, err := signature.Inside(dev, dev.Size())
	if err != nil || inside.Kind != "xfs" {
		return inside, err
	}
	mounted, err := mountedXFS(dev)
	inside.End = max(inside.End, mounted)
	return inside, err
}

// mountedXFS is the size, in bytes, that XFS says it has where it is mounted, 0 where it is not.
func mountedXFS(dev *block.Device) (int64, error) {
	holders, err := block.Holders(dev.Major(), dev.Minor())
	if err != nil {
		return 0, err
	}
	head := make([]byte, 512)
	if n, err := dev.ReadAt(head, 0); n < len(head) {
		return 0, err
	}
	for _, h := range holders {
		if h.Kind != block.HolderMount {
			continue
		}
		var st unix.Statfs_t
		if err := unix.Statfs(h.Name, &st); err != nil {
			return 0, fmt.Errorf("asking the file system at %s for its size: %w", h.Name, err)
		}
		return int64(st.Blocks+xfsLog(head)) * int64(st.Bsize), nil
	}
	return 0, nil
}

// xfsLog is the number of blocks of an internal log, which XFS does not count among its blocks
// (fs/xfs: sb_logstart be64 at 48 is 0 for an external one, sb_logblocks be32 at 96).
func xfsLog(head []byte) uint64 {
	if binary.BigEndian.Uint64(head[48:]) == 0 {
		return 0
	}
	return uint64(binary.BigEndian.Uint32(head[96:]))
}
