// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"syscall"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/verity"
)

// resumption is a format that can go on where it was interrupted: how far it is stands in a file.
type resumption struct {
	path  string
	hash  *device
	saved time.Time
	progressState
}

// progressState is what that file says.
type progressState struct {
	Superblock []byte `json:"superblock"` // as it will be written, or would be
	Data       fileID `json:"data"`
	Hash       fileID `json:"hash"`
	Blocks     uint64 `json:"blocks"` // of the data, whose digests are on the hash device
}

// fileID tells whether a file is the one that it was.
type fileID struct {
	Device  uint64 `json:"device"`
	Inode   uint64 `json:"inode"`
	Size    int64  `json:"size,omitempty"`
	Changed int64  `json:"changed,omitempty"` // nanoseconds since 1970
}

// How often the file is written, and how long it can be.
const (
	saveEvery    = 5 * time.Second
	maxStateSize = 64 << 10 // bytes
)

// identify tells of the contents of a file as well where these are not being written.
func (d *device) identify(contents bool) (id fileID, err error) {
	info, err := d.Stat()
	if err != nil {
		return id, noDevice(d.path, err)
	}
	st, is := info.Sys().(*syscall.Stat_t)
	if !is {
		return id, nil
	}
	id = fileID{Device: uint64(st.Dev), Inode: st.Ino}
	if d.isBlock() {
		id.Device, id.Inode = uint64(st.Rdev), 0
	}
	if contents {
		id.Size, id.Changed = d.size, info.ModTime().UnixNano()
	}
	return id, nil
}

// resumeState reads how far an earlier run has come. One of other parameters, or about other files, is refused.
func (r *run) resumeState(ctx context.Context, im *image) (*progressState, error) {
	if r.resume == "" {
		return nil, nil
	}
	text, err := ui.ReadNamed(ctx, r.resume, maxStateSize)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	state := &progressState{}
	if err == nil {
		err = json.Unmarshal(text, state)
	}
	if err != nil {
		return nil, setup.Because(ui.Failed, "Cannot read "+r.resume+": "+causeOf(err)+".", err)
	}
	sb, err := verity.ParseSuperblock(state.Superblock)
	if err != nil {
		return nil, setup.Because(ui.Failed, "Cannot read "+r.resume+": "+err.Error()+".", err)
	}
	data, err := im.data.identify(true)
	if err != nil {
		return nil, err
	}
	if data != state.Data {
		return nil, setup.Failure(ui.Failed,
			"%s is not what it was when %s was written. Remove that file to begin anew.",
			im.data.path, r.resume)
	}
	if !r.continues(im, sb) || state.Blocks > sb.DataBlocks {
		return nil, setup.Failure(ui.Failed,
			"%s is of an image of other parameters. Remove it to begin anew.", r.resume)
	}
	im.Salt, im.UUID = sb.Salt, sb.UUID
	return state, nil
}

// continues tells that the image is the one that was begun; salt and uuid that are not given were drawn then.
func (r *run) continues(im *image, begun *verity.Superblock) bool {
	return im.Format == begun.Format && im.Algorithm == begun.Algorithm && im.DataBlockSize == begun.DataBlockSize &&
		im.HashBlockSize == begun.HashBlockSize && im.DataBlocks == begun.DataBlocks &&
		(!r.given["salt"] && r.oldHash == "" || bytes.Equal(im.Salt, begun.Salt)) &&
		(!r.given["uuid"] || im.UUID == begun.UUID)
}

// resumable has the image tell how far it is; state is what an earlier run has left, or nil.
func (r *run) resumable(im *image, state *progressState) (*resumption, error) {
	if r.resume == "" {
		return nil, nil
	}
	hash, err := im.hash.identify(false)
	if err != nil {
		return nil, err
	}
	if state != nil {
		if state.Hash != hash {
			return nil, setup.Failure(ui.Failed, "%s is not the file that %s is about. Remove that to begin anew.",
				im.hash.path, r.resume)
		}
		return &resumption{path: r.resume, hash: im.hash, saved: time.Now(), progressState: *state}, nil
	}
	raw, err := im.Marshal()
	if err != nil {
		return nil, explainField(err)
	}
	data, err := im.data.identify(true)
	if err != nil {
		return nil, err
	}
	return &resumption{
		path: r.resume, hash: im.hash, saved: time.Now(),
		progressState: progressState{Superblock: raw, Data: data, Hash: hash},
	}, nil
}

// reached notes how far the work is, and writes it down now and then. That it cannot be written now is not said: the
// work goes on, and at its end it is tried again.
func (s *resumption) reached(blocks uint64) {
	s.Blocks = blocks
	if time.Since(s.saved) > saveEvery {
		_ = s.save()
		s.saved = time.Now()
	}
}

// save syncs the digests before it says that they are there.
func (s *resumption) save() error {
	if err := s.hash.Sync(); err != nil {
		return err
	}
	text, err := json.Marshal(s.progressState)
	if err != nil {
		return err
	}
	next := s.path + unfinished
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err := firstError(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	return os.Rename(next, s.path)
}

// interrupted keeps what was done. Nothing that was made is taken away then.
func (r *run) interrupted(im *image, s *resumption, cause error) error {
	if err := s.save(); err != nil {
		return setup.Because(ui.Failed, "Cannot write "+s.path+": "+causeOf(err)+".", err)
	}
	r.ui.Errorf("%d of %d blocks are hashed. The same command goes on from there.", s.Blocks, im.DataBlocks)
	return cause
}

// done takes the file away, where there is one.
func (s *resumption) done() error {
	if s == nil {
		return nil
	}
	if err := os.Remove(s.path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return setup.Because(ui.Failed, "Cannot remove "+s.path+": "+causeOf(err)+".", err)
	}
	return nil
}
