// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// farPatience is how long a volume is waited for before a far header of it is looked for, on devices that
// bear nothing else: a disk may just be slow to show up.
const farPatience = 5 * time.Second

// awaitVolume finds the data device of a volume, which may have lost both of its heads: then nothing
// answers to the uuid, and its far header does.
func (t *task) awaitVolume(ctx context.Context) (device.Identity, error) {
	r := t.target.Device
	if r.Kind != plan.UUID || t.target.Options.Type != crypttab.AnyLUKS || !t.target.Volume.Header.IsZero() {
		return t.await(ctx, r)
	}
	waiting, cancel := context.WithCancel(ctx)
	defer cancel()
	lost := make(chan farDevice, 1)
	late := time.AfterFunc(t.config.farPatience(), func() { t.searchFar(waiting, cancel, lost) })
	defer late.Stop()
	found, err := t.await(waiting, r)
	if err == nil {
		return found, nil
	}
	select {
	case f := <-lost:
		t.far = &f.Found
		return f.Identity, nil
	default:
		return found, err
	}
}

// farDevice is a device without a head and the far header on it.
type farDevice struct {
	device.Identity
	far.Found
}

// searchFar looks for a far header of the volume and, where one may be used, ends the wait for the
// device. It only reads.
func (t *task) searchFar(ctx context.Context, found context.CancelFunc, lost chan<- farDevice) {
	f, ok := findFar(ctx, t.candidates(), t.target.Device.Value)
	if !ok {
		return
	}
	t.tellFar(f.Node, f.Found)
	if t.target.Options.Far == crypttab.FarNo {
		return
	}
	lost <- f
	found()
}

func (t *task) tellFar(node string, f far.Found) {
	text := fmt.Sprintf("%s, at byte %d", node, f.Place.Start())
	t.report(Event{
		Kind: FarHeader, Volume: t.target.Name, Text: text, Node: node, Err: farPolicy(t.target.Options.Far),
	})
}

// farPolicy is why a far header is not used.
func farPolicy(way crypttab.Far) error {
	if way == crypttab.FarNo {
		return ErrFarNotUsed
	}
	return nil
}

// candidates are the devices that may be what is left of a volume.
func (e *engine) candidates() []device.Identity {
	if e.config.unclaimed != nil {
		return e.config.unclaimed()
	}
	return e.watcher.Unclaimed()
}

// findFar searches the devices near their ends first, where a far header is unless the device has
// changed its size, and then whole.
func findFar(ctx context.Context, devices []device.Identity, uuid string) (farDevice, bool) {
	for _, whole := range []bool{false, true} {
		for _, d := range devices {
			if f, ok := farOn(ctx, d.Node, uuid, whole); ok {
				return farDevice{d, f}, true
			}
		}
	}
	return farDevice{}, false
}

// farOn is the newest far header on a device, of the volume of that uuid, or of any where that is empty.
func farOn(ctx context.Context, node, uuid string, whole bool) (best far.Found, ok bool) {
	dev, err := block.Open(node, 0)
	if err != nil {
		return best, false
	}
	defer dev.Close()
	from := far.NearEnd(dev)
	if whole {
		from = 0
	}
	err = far.Search(ctx, dev, from, func(f far.Found) bool {
		mine := uuid == "" || f.Locator.Of(uuid)
		if mine && f.State == far.Whole && (!ok || header.Newer(f.Locator.SeqID, best.Locator.SeqID)) {
			best, ok = f, true
		}
		return true
	})
	return best, ok && err == nil
}

// inspect reads the header: from its device or, where both heads are lost, from the far header.
func (t *task) inspect(ctx context.Context) error {
	if t.far != nil {
		return t.inspectFar(ctx)
	}
	opening, err := luks.Inspect(ctx, t.request())
	var none *header.NoHeaderError
	switch {
	case err == nil:
		t.opening, t.target.LUKS = opening, opening.Volume
		t.release = append(t.release, opening.Close)
		return nil
	case !t.target.Volume.Header.IsZero() || !errors.Is(err, luks.ErrNotLUKS) && !errors.As(err, &none):
		return err
	}
	f, ok := farOn(ctx, t.target.Node, t.wantedUUID(), false)
	if !ok {
		return err
	}
	t.tellFar(t.target.Node, f)
	if t.target.Options.Far == crypttab.FarNo {
		return errors.Join(err, ErrFarNotUsed)
	}
	t.far = &f
	return t.inspectFar(ctx)
}

// wantedUUID is the uuid that the plan has; empty where it names the device in another way.
func (t *task) wantedUUID() string {
	if t.target.Device.Kind == plan.UUID {
		return t.target.Device.Value
	}
	return ""
}

// inspectFar takes the far header for a detached one, which nobody can write.
func (t *task) inspectFar(ctx context.Context) (err error) {
	if t.target.LUKS, err = luks.Load(ctx, t.far.Device()); err != nil {
		return err
	}
	r := t.request()
	r.Header = ""
	t.opening = luks.NewOpening(t.target.LUKS, r)
	t.release = append(t.release, t.opening.Close)
	return nil
}
