// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"crypto/rand"
	"io"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// wipePiece is how much is overwritten at once, bytes.
const wipePiece = 1 << 20

// Format is a new volume that is ready to be written.
type Format struct {
	Zero     []luks2.Extent // set to zero: old metadata and signatures
	Noise    luks2.Extent   // filled with random bytes: the keyslots area
	Areas    []Area         // keyslot material
	Head     luks2.Copy     // LUKS2
	Far      far.Place      // LUKS2: where a far header goes; none for none
	Header1  *luks1.Header  // LUKS1
	Detached bool           // the device holds no data
	// Progress is told how many bytes of how many have been wiped; nil for silence.
	Progress func(done, total uint64)
}

// Write makes the volume, for a caller that holds the exclusive lock: far headers of what was there are wiped, then
// old metadata; the keyslot material is written, the far header, and the header last. Everything that can fail
// without a write fails first. Errors before the first write: a layout.Error, those of luks2.Encode.
func (f Format) Write(ctx context.Context, dev header.Device) error {
	areas, head, heads, err := f.plan(uint64(max(dev.Size(), 0)))
	if err != nil {
		return err
	}
	if err := wipeEveryFar(ctx, dev, f.Detached); err != nil {
		return err
	}
	if err := f.wipe(ctx, dev); err != nil {
		return err
	}
	if err := applySettled(dev, areas); err != nil {
		return err
	}
	if !f.Far.None() {
		p, err := f.far(dev, heads)
		if err == nil {
			err = applySettled(dev, p)
		}
		if err != nil {
			return err
		}
	}
	return applySettled(dev, head)
}

// wipe overwrites what was there, and makes that durable.
func (f Format) wipe(ctx context.Context, dev header.Device) error {
	w := wiper{ctx: ctx, dev: dev, progress: f.Progress, total: f.Noise.Size}
	for _, r := range f.Zero {
		w.total += r.Size
	}
	for _, r := range f.Zero {
		if err := w.fill(r, false); err != nil {
			return err
		}
	}
	if err := w.fill(f.Noise, true); err != nil {
		return err
	}
	if err := dev.Sync(); err != nil {
		return &WriteError{What: "wiped area", Op: "sync", Err: err}
	}
	return applySettled(dev, strays(dev))
}

// plan is what follows the wiping: the material, and the header.
func (f Format) plan(size uint64) (areas, p Plan, heads header.Plan, err error) {
	areas.loose(luks2.Copy{}, f.Areas...)
	if f.Header1 != nil {
		if err := layout.Fits1(*f.Header1, size); err != nil {
			return areas, p, heads, err
		}
		sectors, err := luks1.Fresh(*f.Header1)
		p.sectors(sectors)
		return areas, p, heads, err
	}
	if err := layout.Fits(f.Head, size); err != nil {
		return areas, p, heads, err
	}
	heads, err = header.PlanFormat(f.Head, rand.Reader)
	p.heads(heads)
	return areas, p, heads, err
}

// far makes the body of the areas as they are on the device and of the heads to be.
func (f Format) far(dev header.Device, heads header.Plan) (Plan, error) {
	source := make([]byte, far.Length(f.Head))
	if err := header.ReadFull(dev, source, 0); err != nil {
		return Plan{}, err
	}
	for _, w := range heads.Writes {
		copy(source[w.Offset:], w.Bytes)
	}
	d, err := far.Build(source, f.Head, nil)
	if err != nil {
		return Plan{}, err
	}
	return FarMaking(dev, far.New(f.Head.Header.UUID, f.Far, d.Contents, uint64(dev.Size())), d.Body)
}

// wipeEveryFar wipes the far headers of a device that is about to be formatted. Damaged ones are wiped
// too, unless the device is but to hold a header: then what overwrote them stays.
func wipeEveryFar(ctx context.Context, dev header.Device, detached bool) error {
	if choice, err := header.Choose(header.Read(dev)); err == nil && !detached {
		t, _, _, _ := far.Find(choice.Copy.Metadata)
		if f, found := far.Severed(dev, choice.Copy, t.Far); found {
			if err := Apply(dev, severed(f, luks2.Copy{})); err != nil {
				return &FarError{Place: t.Far, Err: err}
			}
		}
	}
	all, err := far.Every(ctx, dev)
	if err != nil {
		return err
	}
	for _, f := range all {
		if detached && f.State != far.Whole {
			continue
		}
		stages, err := farWipe(f, luks2.Copy{})
		if err == nil {
			err = Apply(dev, Plan{stages})
		}
		if err != nil {
			return &FarError{Place: f.Place, Err: err}
		}
	}
	return nil
}

// wiper overwrites ranges in pieces, so that it can be stopped and watched.
type wiper struct {
	ctx         context.Context
	dev         io.WriterAt
	progress    func(done, total uint64)
	done, total uint64
}

func (w *wiper) fill(r luks2.Extent, random bool) error {
	piece := make([]byte, wipePiece)
	for at := r.Offset; at < r.End(); {
		if err := w.ctx.Err(); err != nil {
			return err
		}
		p := piece[:min(uint64(len(piece)), r.End()-at)]
		if random {
			if _, err := rand.Read(p); err != nil {
				return err
			}
		}
		if _, err := w.dev.WriteAt(p, int64(at)); err != nil {
			return &WriteError{What: "wiped area", Op: "write", Offset: at, Err: err}
		}
		at += uint64(len(p))
		w.done += uint64(len(p))
		if w.progress != nil {
			w.progress(w.done, w.total)
		}
	}
	return nil
}
