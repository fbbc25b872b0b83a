// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/verity"
)

// repairFiles are the new files that a repaired image goes to. They have another name until every byte is proven.
type repairFiles struct {
	data, hash *device // or nil
	dataTo     string
	hashTo     string
	hashIsData bool // one file holds data and tree
}

const unfinished = ".unfinished"

// begin makes the file that a repaired one is until it is proven. What is there already is somebody's: another run's,
// or of one that was killed, which a person takes away who knows that it is.
func begin(path string) (*device, error) {
	path += unfinished
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		if beingWritten(path) {
			return nil, setup.Failure(ui.InUse, "Another run is writing %s.", path)
		}
		return nil, setup.Failure(ui.Failed, "%s exists already. If a run that was interrupted has left it, remove it.", path)
	}
	if err != nil {
		return nil, setup.Because(ui.Failed, "Cannot create "+path+": "+causeOf(err)+".", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, firstError(f.Close(), setup.Because(ui.InUse, "Another run is writing "+path+".", err))
	}
	return &device{File: f, path: path}, nil
}

// beingWritten tells whether a run that goes on holds the file.
func beingWritten(path string) bool {
	f, err := os.OpenFile(path, unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}

func (r *run) openRepair(im *image) (_ *repairFiles, err error) {
	f := &repairFiles{dataTo: r.repair, hashTo: r.repairHash, hashIsData: im.data.same(im.hash)}
	for _, path := range []string{f.dataTo, f.hashTo} {
		if _, err := os.Lstat(path); err == nil {
			return nil, setup.Failure(ui.Failed, "Requested file %s already exists.", path)
		}
	}
	if f.dataTo != "" && f.hashTo != "" && samePath(f.dataTo, f.hashTo) {
		return nil, setup.Failure(ui.Failed, "The repaired data and the repaired tree would both be written to %s.",
			f.dataTo)
	}
	if f.dataTo != "" {
		if f.data, err = begin(f.dataTo); err != nil {
			return nil, err
		}
		err := f.data.Truncate(max(im.data.size, im.DataSize()))
		if err = firstError(err, r.copyRest(f.data, im.data, im.DataSize(), im.data.size)); err != nil {
			return nil, firstError(f.discard(), err)
		}
	}
	if f.hashTo != "" {
		if f.hash, err = begin(f.hashTo); err != nil {
			return nil, firstError(f.discard(), err)
		}
		if err := r.copyRest(f.hash, im.hash, 0, im.hash.size); err != nil {
			return nil, firstError(f.discard(), err)
		}
	}
	return f, nil
}

func (f *repairFiles) any() bool { return f.data != nil || f.hash != nil }

func (f *repairFiles) output() (out verity.Output) {
	if f.data != nil {
		out.Data = f.data
		if f.hashIsData {
			out.Hash = tree{f}
		}
	}
	if f.hash != nil {
		out.Hash = tree{f}
	}
	return out
}

// tree takes repaired hash blocks, for all files that have the tree.
type tree struct{ *repairFiles }

func (t tree) WriteAt(p []byte, off int64) (int, error) {
	for _, d := range t.withTree() {
		if n, err := d.WriteAt(p, off); err != nil {
			return n, err
		}
	}
	return len(p), nil
}

func (f *repairFiles) withTree() (all []*device) {
	if f.hash != nil {
		all = append(all, f.hash)
	}
	if f.data != nil && f.hashIsData {
		all = append(all, f.data)
	}
	return all
}

// copyRest copies what Repair does not: what is behind the data, and the tree as it is. Blocks that cannot be read
// stay zeros; those of the tree are repaired like others.
func (r *run) copyRest(to, from *device, at, end int64) error {
	const piece, block = 256 << 10, 4096
	buffer := make([]byte, piece)
	for ; at < end; at += piece {
		p := buffer[:min(piece, end-at)]
		if _, err := from.ReadAt(p, at); err != nil {
			clear(p)
			for i := int64(0); i < int64(len(p)); i += block {
				if _, err := from.ReadAt(p[i:min(i+block, int64(len(p)))], at+i); err != nil {
					r.ui.Errorf("WARNING: byte %d of %s cannot be read: %s.", at+i, from.path, causeOf(err))
				}
			}
		}
		if _, err := to.WriteAt(p, at); err != nil {
			return err
		}
	}
	return nil
}

// finish syncs the files and gives them their names.
func (f *repairFiles) finish() error {
	for _, d := range []*device{f.data, f.hash} {
		if d == nil {
			continue
		}
		if err := d.Sync(); err != nil {
			return firstError(f.discard(), err)
		}
	}
	if f.data != nil {
		if err := name(f.data, f.dataTo); err != nil {
			return err
		}
	}
	if f.hash != nil {
		return name(f.hash, f.hashTo)
	}
	return nil
}

// name gives a finished file its name, unless another file has come to bear it meanwhile. It is the open file that gets
// it, whatever lies under the name of the unfinished one by now.
func name(d *device, path string) error {
	own := fmt.Sprintf("/proc/self/fd/%d", d.Fd())
	err := unix.Linkat(unix.AT_FDCWD, own, unix.AT_FDCWD, path, unix.AT_SYMLINK_FOLLOW)
	switch {
	case err == nil:
		if d.still() {
			err = os.Remove(d.path)
		}
	case errors.Is(err, unix.EEXIST):
	case !d.still():
		err = unix.ENOENT
	default: // no links on that file system, or no /proc
		err = unix.Renameat2(unix.AT_FDCWD, d.path, unix.AT_FDCWD, path, unix.RENAME_NOREPLACE)
		if errors.Is(err, unix.EINVAL) && !exists(path) {
			err = os.Rename(d.path, path)
		}
	}
	if err != nil {
		return setup.Because(ui.Failed, "The repaired file stays "+d.path+": "+causeOf(err)+".", err)
	}
	return nil
}

// still tells whether the open file is the one under its name.
func (d *device) still() bool {
	own, err := d.Stat()
	if err != nil {
		return false
	}
	there, err := os.Lstat(d.path)
	return err == nil && os.SameFile(own, there)
}

// discard takes away what is not proven.
func (f *repairFiles) discard() error {
	var err error
	for _, d := range []*device{f.data, f.hash} {
		if d != nil && d.still() {
			err = firstError(err, os.Remove(d.path))
		}
	}
	return err
}

func (f *repairFiles) close() {
	for _, d := range []*device{f.data, f.hash} {
		if d != nil {
			d.Close()
		}
	}
}
