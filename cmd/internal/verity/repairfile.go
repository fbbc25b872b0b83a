// SPDX-License-Identifier: Apache-2.0

package verity

import (
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

// begin makes the file that a repaired one is until it is proven. One that a run has left which was killed is begun
// anew; one that another run is writing, or that is an input, is not touched.
func (r *run) begin(im *image, path string) (*device, error) {
	path += unfinished
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0o600)
	if err != nil {
		return nil, setup.Because(ui.Failed, "Cannot create "+path+": "+causeOf(err)+".", err)
	}
	d := &device{File: f, path: path}
	if err := r.takeOver(im, d); err != nil {
		f.Close()
		return nil, err
	}
	return d, nil
}

func (r *run) takeOver(im *image, d *device) error {
	info, err := d.Stat()
	if err != nil {
		return noDevice(d.path, err)
	}
	if !info.Mode().IsRegular() || d.same(im.data) || d.same(im.hash) || im.fec != nil && d.same(im.fec) {
		return setup.Failure(ui.Failed, "Requested file %s already exists.", d.path)
	}
	err = unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	now, gone := os.Lstat(d.path)
	if err != nil || gone != nil || !os.SameFile(info, now) { // a run that has just ended has given it its name
		return setup.Because(ui.InUse, "Another run is writing "+d.path+".", firstError(err, gone))
	}
	if info.Size() > 0 {
		r.ui.Errorf("%s is left from a run that was interrupted: it is begun anew.", d.path)
	}
	return d.Truncate(0)
}

func (r *run) openRepair(im *image) (_ *repairFiles, err error) {
	f := &repairFiles{dataTo: r.repair, hashTo: r.repairHash, hashIsData: im.data.same(im.hash)}
	for _, path := range []string{f.dataTo, f.hashTo} {
		if path != "" && exists(path) {
			return nil, setup.Failure(ui.Failed, "Requested file %s already exists.", path)
		}
	}
	if f.dataTo != "" {
		if f.data, err = r.begin(im, f.dataTo); err != nil {
			return nil, err
		}
		err := f.data.Truncate(max(im.data.size, im.DataSize()))
		if err = firstError(err, r.copyRest(f.data, im.data, im.DataSize(), im.data.size)); err != nil {
			return nil, firstError(f.discard(), err)
		}
	}
	if f.hashTo != "" {
		if f.hash, err = r.begin(im, f.hashTo); err != nil {
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
		if err := os.Rename(f.dataTo+unfinished, f.dataTo); err != nil {
			return err
		}
	}
	if f.hash != nil {
		return os.Rename(f.hashTo+unfinished, f.hashTo)
	}
	return nil
}

// discard takes away what is not proven.
func (f *repairFiles) discard() error {
	var err error
	for _, d := range []*device{f.data, f.hash} {
		if d != nil {
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
