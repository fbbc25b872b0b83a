// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/dm/verity"
)

// formatImage makes tree and parity, and the superblock last: an image that was not finished has none.
func (r *run) formatImage(ctx context.Context) error {
	im, made, err := r.planFormat(ctx)
	if err != nil {
		return err
	}
	defer im.close()
	root, err := r.write(ctx, im)
	switch {
	case errors.Is(err, errTrusted):
		return firstError(err, im.discard(made))
	case err != nil && im.resumption != nil:
		return r.interrupted(im, im.resumption, explainWrite(err))
	case err != nil:
		return firstError(explainWrite(err), made.remove())
	}
	// The work is done: its result is printed even where a file cannot be written.
	return firstError(r.writeRootFile(root), im.resumption.done(), r.print(im, root))
}

// discard takes what was made of digests that were trusted away.
func (im *image) discard(made created) error {
	return firstError(made.remove(), im.resumption.done())
}

// created are the files that were not there before, which a failure takes away again.
type created []string

func (c created) remove() error {
	for _, path := range c {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// planFormat checks everything before anything is created.
func (r *run) planFormat(ctx context.Context) (_ *image, made created, err error) {
	p, err := r.params()
	if err != nil {
		return nil, nil, err
	}
	im := &image{
		offset: int64(r.hashOffset), superblock: !r.noSuperblock, roots: int(r.fecRoots),
		fecAt: int64(r.fecOffset),
	}
	if im.former, err = r.openFormer(&p); err != nil {
		return nil, nil, err
	}
	im.Params = p
	if im.UUID, err = r.newUUID(); err != nil {
		return nil, nil, err
	}
	if !r.given["salt"] && im.former == nil {
		im.Salt = make([]byte, 32)
		_, _ = rand.Read(im.Salt) // it never fails
	}
	if im.data, err = openDevice(r.args[0], os.O_RDONLY); err != nil {
		return nil, nil, err
	}
	defer func() {
		if err != nil {
			im.close()
			err = firstError(err, made.remove())
		}
	}()
	if err := r.planData(im); err != nil {
		return nil, nil, err
	}
	if err := r.planAreas(im); err != nil {
		return nil, nil, err
	}
	state, err := r.resumeState(ctx, im)
	if err != nil {
		return nil, nil, err
	}
	if err := r.openOutputs(im, &made); err != nil {
		return nil, made, err
	}
	if im.resumption, err = r.resumable(im, state); err != nil {
		return nil, made, err
	}
	return im, made, nil
}

func (r *run) newUUID() (uuid [16]byte, err error) {
	if r.uuid == "" {
		_, _ = rand.Read(uuid[:]) // it never fails
		uuid[6], uuid[8] = uuid[6]&0x0f|0x40, uuid[8]&0x3f|0x80
		return uuid, nil
	}
	raw, err := hex.DecodeString(strings.ReplaceAll(r.uuid, "-", ""))
	if err != nil || len(raw) != len(uuid) || len(r.uuid) != 36 {
		return uuid, setup.Failure(ui.Failed, "Wrong VERITY UUID format provided on device %s.", r.args[1])
	}
	copy(uuid[:], raw)
	return uuid, nil
}

func uuidText(uuid [16]byte) string {
	s := hex.EncodeToString(uuid[:])
	return s[:8] + "-" + s[8:12] + "-" + s[12:16] + "-" + s[16:20] + "-" + s[20:]
}

// planData decides how many blocks are hashed.
func (r *run) planData(im *image) error {
	size := int64(im.DataBlockSize)
	whole := uint64(im.data.size / size)
	if im.DataBlocks == 0 {
		im.DataBlocks = whole
		if rest := im.data.size % size; rest != 0 && whole > 0 {
			r.ui.Errorf("WARNING: The last %d bytes of %s are no whole block and will not be protected.",
				rest, im.data.path)
		}
	}
	if im.DataBlocks == 0 || im.data.size < 512 {
		return setup.Failure(ui.Failed, "Header detected but device %s is too small.", im.data.path)
	}
	if im.DataBlocks > whole && !r.grows(im) {
		return setup.Failure(ui.Failed, "Input/output error while creating hash area.")
	}
	if page := uint32(os.Getpagesize()); im.DataBlockSize > page {
		r.ui.Errorf("WARNING: Kernel cannot activate device if data block size exceeds page size (%d).", page)
	}
	return nil
}

// grows tells whether the tree, behind the data in their own file, makes that as long as the data are said to be. What
// was not there is zeros, then.
func (r *run) grows(im *image) bool {
	return !im.data.isBlock() && samePath(r.args[0], r.args[1]) && im.offset >= im.DataSize()
}

// planAreas looks at what lies where, by the paths: the files may have to be made yet.
func (r *run) planAreas(im *image) error {
	tree, err := im.Tree()
	if err != nil {
		return explainField(err)
	}
	im.first = im.FirstBlock(im.offset, im.superblock)
	end := im.end(tree)
	hash := r.args[1]
	if err := r.outputsApart(); err != nil {
		return err
	}
	// Without a superblock the tree begins with the hash block that the offset lies in.
	start := min(im.offset, int64(im.first)*int64(im.HashBlockSize))
	if samePath(r.args[0], hash) && start < im.DataSize() {
		return setup.Failure(ui.Failed, "Data area overlaps with hash area.")
	}
	if r.fecDevice == "" {
		return nil
	}
	if samePath(hash, r.fecDevice) && im.fecAt < end {
		return setup.Failure(ui.Failed, "Hash area overlaps with FEC area.")
	}
	if samePath(r.args[0], r.fecDevice) && im.fecAt < im.DataSize() {
		return setup.Failure(ui.Failed, "Data area overlaps with FEC area.")
	}
	return nil
}

// outputsApart refuses outputs that would go over inputs, or over each other where no offset keeps them apart.
func (r *run) outputsApart() error {
	for _, in := range []struct{ option, path string }{{"old-data", r.oldData}, {"old-hash", r.oldHash}} {
		for _, out := range []string{r.args[1], r.fecDevice, r.rootHashFile} {
			if in.path != "" && out != "" && samePath(in.path, out) {
				return setup.Failure(ui.Failed, "The file of --%s, %s, would be overwritten.", in.option, in.path)
			}
		}
	}
	if r.oldData != "" && samePath(r.oldData, r.args[0]) {
		return setup.Failure(ui.Failed, "The file of --old-data is the data, %s: nothing would tell what has changed.",
			r.oldData)
	}
	for _, other := range []string{r.args[0], r.args[1], r.fecDevice} {
		if r.resume != "" && other != "" && samePath(r.resume, other) {
			return setup.Failure(ui.Failed, "The state of --resume would be written over %s.", other)
		}
	}
	for _, other := range []string{r.args[0], r.args[1], r.fecDevice, r.resume} {
		if r.rootHashFile != "" && other != "" && samePath(r.rootHashFile, other) {
			return setup.Failure(ui.Failed, "The root hash would be written over %s.", other)
		}
	}
	return nil
}

// samePath tells whether two paths lead to one file, which may have to be made yet.
func samePath(a, b string) bool {
	if a == b {
		return true
	}
	a, b = followed(a), followed(b)
	inA, nameA := folderOf(a)
	inB, nameB := folderOf(b)
	return nameA == nameB && sameFile(inA, inB) || sameFile(a, b)
}

// folderOf splits a path as the kernel reads it: ".." behind a link is where the link leads, and stays.
func folderOf(path string) (folder, name string) {
	path = strings.TrimRight(path, "/")
	i := strings.LastIndexByte(path, '/')
	if i < 0 {
		return ".", path
	}
	return path[:i+1], path[i+1:]
}

func sameFile(a, b string) bool {
	x, err := os.Stat(a)
	if err != nil {
		return false
	}
	y, err := os.Stat(b)
	return err == nil && os.SameFile(x, y)
}

// followed is where a path leads, a link to a file that is not there included.
func followed(path string) string {
	const most = 40 // links; the kernel follows no more
	for range most {
		to, err := os.Readlink(path)
		if err != nil {
			break
		}
		if !filepath.IsAbs(to) {
			folder, _ := folderOf(path)
			to = folder + "/" + to
		}
		path = to
	}
	return path
}

// openOutputs opens the hash and FEC devices, and makes the files that are not there.
func (r *run) openOutputs(im *image, made *created) (err error) {
	if im.hash, err = openOutput(r.args[1], made); err != nil {
		return err
	}
	if err := im.hash.claim(); err != nil {
		return err
	}
	tree, err := im.Tree()
	if err != nil {
		return explainField(err)
	}
	need := int64(0)
	if tree.Blocks > 0 {
		need = im.end(tree)
	}
	if im.superblock && tree.Blocks == 0 { // whole blocks, as veritysetup writes it
		block := min(int64(im.HashBlockSize), 4096)
		need = extent.Up(im.offset+verity.SuperblockSize, block)
	}
	if err := im.hash.reach(need); err != nil {
		return err
	}
	if r.fecDevice == "" {
		return nil
	}
	if im.fec, err = openOutput(r.fecDevice, made); err != nil {
		return err
	}
	if !im.fec.same(im.hash) {
		if err := im.fec.claim(); err != nil {
			return err
		}
	}
	layout, err := im.verity(r).Layout()
	if err != nil {
		return explainField(err)
	}
	if err := im.fec.reach(im.fecAt + layout.Parity); err != nil {
		return err
	}
	im.hash.size = max(im.hash.size, need)
	if im.fecOnHash() {
		im.hash.size = im.fec.size
	}
	return nil
}

func openOutput(path string, made *created) (*device, error) {
	if exists(path) {
		return openDevice(path, os.O_RDWR)
	}
	d, err := createFile(path)
	if err == nil {
		*made = append(*made, path)
	}
	return d, err
}

// reach makes a file as long as it has to be; a block device is or is not.
func (d *device) reach(size int64) error {
	if d.size >= size {
		return nil
	}
	if d.isBlock() {
		return setup.Failure(ui.Failed, "Device %s is too small. Need at least %d bytes.", d.path, size)
	}
	if err := d.Truncate(size); err != nil {
		return setup.Because(ui.Failed, "Cannot grow "+d.path+": "+causeOf(err)+".", err)
	}
	d.size = size
	return nil
}

// write makes tree, parity and superblock, each synced before the next.
func (r *run) write(ctx context.Context, im *image) ([]byte, error) {
	v := im.verity(r)
	total := im.DataSize()
	if im.fec != nil {
		total *= 2
	}
	v.Progress = r.progress(im.data.path, total, "hashed")
	if im.former != nil {
		v.Former = &im.former.Former
	}
	if im.resumption != nil {
		v.Hashed, v.Reached = im.resumption.Blocks, im.resumption.reached
	}
	trusted := im.former != nil || im.resumption != nil && im.resumption.Blocks > 0
	root, err := v.Build(ctx, im.hash)
	if err == nil && trusted {
		err = r.prove(ctx, im, v, root)
	}
	if err != nil {
		return nil, err
	}
	if im.fec != nil {
		first := v.Progress
		if first != nil {
			v.Progress = func(done int64) { first(min(im.DataSize()+done, total)) }
		}
		if err := v.EncodeFEC(ctx, im.fec); err != nil {
			return nil, err
		}
		if err := im.fec.Sync(); err != nil {
			return nil, err
		}
	}
	if err := im.hash.Sync(); err != nil {
		return nil, err
	}
	if !im.superblock {
		return root, nil
	}
	raw, err := im.Marshal()
	if err != nil {
		return nil, explainField(err)
	}
	if _, err := im.hash.WriteAt(raw, im.offset); err != nil {
		return nil, err
	}
	return root, im.hash.Sync()
}

// explainWrite leaves an interruption as it is.
func explainWrite(err error) error {
	var said *setup.Failed
	if errors.As(err, &said) || errors.Is(err, context.Canceled) {
		return err
	}
	return setup.Because(ui.Failed, "Input/output error while creating hash area: "+err.Error()+".", err)
}

// progress reports on a terminal how far a long work is, but not where programs expect veritysetup's output.
func (r *run) progress(path string, total int64, done string) func(int64) {
	if !r.ui.Own || !r.ui.ErrorsOnTerminal() {
		return nil
	}
	p := &ui.Progress{Out: r.ui.Err, Device: path, Total: uint64(total), Done: done, Fit: true}
	p.Start()
	return func(n int64) { p.Update(uint64(n)) }
}
