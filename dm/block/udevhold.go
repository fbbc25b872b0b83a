// SPDX-License-Identifier: Apache-2.0

package block

import (
	"context"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// holdUdevFor bounds the attempts: udevd holds its own shared lock while it probes.
const holdUdevFor = 500 * time.Millisecond

// holdUdev takes an exclusive flock on the node of the whole disk, opened for reading so that
// closing it is no event for udevd. It returns the open node, or -1.
func (r root) holdUdev(ctx context.Context, n number) int {
	node, disk, ok := r.lockableNode(n)
	if !ok {
		return -1
	}
	fd, err := openFD(node, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC)
	if err != nil {
		return -1
	}
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || !disk.is(&st) || !tryFor(ctx, fd) {
		_ = unix.Close(fd)
		return -1
	}
	return fd
}

// lockableNode finds the node whose lock udevd honours: the disk's, never a partition's, and
// none for device-mapper, md and drbd.
func (r root) lockableNode(n number) (node string, disk number, ok bool) {
	dir, err := r.sysDir(n)
	if err != nil {
		return "", number{}, false
	}
	dir = wholeDisk(dir)
	for _, ignored := range []string{"dm-", "md", "drbd"} {
		if strings.HasPrefix(filepath.Base(dir), ignored) {
			return "", number{}, false
		}
	}
	disk, ok = numberOf(dir)
	return r.path("dev", nodeName(dir)), disk, ok
}

func (n number) is(st *unix.Stat_t) bool {
	rdev := uint64(st.Rdev)
	return st.Mode&unix.S_IFMT == unix.S_IFBLK && unix.Major(rdev) == n.major && unix.Minor(rdev) == n.minor
}

func tryFor(ctx context.Context, fd int) bool {
	ctx, cancel := context.WithTimeout(ctx, holdUdevFor)
	defer cancel()
	for {
		if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil {
			return true
		}
		select {
		case <-ctx.Done():
			return false
		case <-time.After(10 * time.Millisecond):
		}
	}
}
