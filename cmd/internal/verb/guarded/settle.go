// SPDX-License-Identifier: Apache-2.0

package guarded

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// Settle brings what is kept of a volume elsewhere into line with what has become of its header: heads of the guard,
// undo copies, header backups, a key in the kernel. before is what the header said: as it was found, and once what had
// been cut off was concluded, which may have brought the very keyslot back that the change takes away. dev is where it
// lies, and failed is how the change ended, which is returned together with what is left here. It is the only place
// where a verb destroys any of this, and with --dry-run it only names it.
//
// What was committed counts and not how the change ended, so the header is read again: a change that is in may
// report that the far header could not follow. Where no header is left to be read, nothing is destroyed: what is kept
// may be all that there is. Neither is it where a keyslot was lost in place: that was not asked for.
func Settle(ctx context.Context, c *verb.Command, before []view.View, dev luks.Device, failed error) error {
	return settle(ctx, c, before, dev, failed, compare)
}

// SettleRestored is Settle after a header was put there from elsewhere: whichever keyslots it has, what was kept of
// either volume is not of its line.
func SettleRestored(ctx context.Context, c *verb.Command, before []view.View, dev luks.Device, failed error) error {
	return settle(ctx, c, before, dev, failed, func(before, after view.View) outcome {
		o := compare(before, after)
		if !bytes.Equal(identity.Of(before).Sum, identity.Of(after).Sum) {
			o.destroyed = []identity.Mark{identity.Of(before), identity.Of(after)}
		}
		return o
	})
}

// SettleErased is Settle after every keyslot was to be destroyed: where none is there, it does not matter whether
// one was before, as after an erasing that was cut off.
func SettleErased(ctx context.Context, c *verb.Command, before []view.View, dev luks.Device, failed error) error {
	return settle(ctx, c, before, dev, failed, func(before, after view.View) outcome {
		o := compare(before, after)
		if !opens(after) {
			o.destroyed, o.released = []identity.Mark{identity.Of(before)}, before.UUID
		}
		return o
	})
}

// NameEnded names, for --dry-run, what is kept of the volume that a device holds and another is to take the place of.
func NameEnded(ctx context.Context, c *verb.Command, path string) error {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return nil // it is yet to be made
	}
	defer file.Close()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return nil // nobody knows which volume it was, and what is kept stays
	}
	return carryOut(ctx, c, outcome{destroyed: []identity.Mark{identity.Of(v.View)}, released: v.UUID})
}

func settle(ctx context.Context, c *verb.Command, before []view.View, dev luks.Device, failed error,
	judge func(before, after view.View) outcome,
) error {
	var lost *luks.OverwriteError
	if errors.As(failed, &lost) {
		return failed
	}
	after, err := luks.Load(context.WithoutCancel(ctx), dev) // whoever lost patience did so after it was committed
	switch {
	case err == nil:
		return errors.Join(failed, carryOut(context.WithoutCancel(ctx), c, judged(before, after.View, judge)))
	case failed == nil:
		return err
	}
	return failed
}

// judged brings together what the change comes to from each of the states before it.
func judged(before []view.View, after view.View, judge func(before, after view.View) outcome) (all outcome) {
	for _, b := range before {
		o := judge(b, after)
		all.destroyed = append(all.destroyed, o.destroyed...)
		if o.released != "" {
			all.released = o.released
		}
		if o.renamed != nil {
			all.renamed = o.renamed
		}
	}
	return all
}

// outcome is what a change comes to for what is kept elsewhere.
type outcome struct {
	destroyed []identity.Mark // of volumes of which nothing may be kept
	released  string          // UUID of a volume whose key must not stay in the kernel
	renamed   *identity.Mark  // as the volume was before it got another UUID
}

func compare(before, after view.View) (o outcome) {
	was := identity.Of(before)
	end := ended(before, after)
	if end {
		o.released = before.UUID
	}
	if end || revoked(before, after) {
		o.destroyed = []identity.Mark{was}
	}
	if before.UUID != after.UUID {
		o.renamed = &was
	}
	return o
}

func carryOut(ctx context.Context, c *verb.Command, o outcome) error {
	s := Store(c)
	var paths []string
	var failed []error
	for _, m := range o.destroyed {
		list, err := s.Revives(ctx, m)
		paths, failed = append(paths, list...), append(failed, err)
	}
	if o.renamed != nil {
		list, err := s.Orphans(*o.renamed)
		paths, failed = append(paths, list...), append(failed, err)
	}
	return errors.Join(shred(c, s, store.InOrder(paths), errors.Join(failed...)), ReleaseKey(c, o.released))
}

// revoked: a keyslot is gone. It is known by its salt, which is new with each passphrase and stays when it moves.
func revoked(before, after view.View) bool {
	return slices.ContainsFunc(before.Keyslots, func(was view.Keyslot) bool {
		return !slices.ContainsFunc(after.Keyslots, func(is view.Keyslot) bool { return sameSecret(was, is) })
	})
}

func sameSecret(a, b view.Keyslot) bool {
	if len(a.Identity.Salt) == 0 {
		return len(b.Identity.Salt) == 0 && a.ID == b.ID
	}
	return bytes.Equal(a.Identity.Salt, b.Identity.Salt)
}

// ended: nothing there opens the volume any more, or another volume lies there. One that nothing opened before was
// not ended by this.
func ended(before, after view.View) bool {
	return opens(before) && !opens(after) || !identity.SameVolume(identity.Of(before), identity.Of(after))
}

func opens(v view.View) bool { return slices.ContainsFunc(v.Keyslots, view.Keyslot.OpensData) }

// shred destroys files, or names them.
func shred(c *verb.Command, s store.Store, paths []string, err error) error {
	if c.Opt.DryRun {
		for _, path := range paths {
			c.UI.Printf("%s: would be destroyed", path)
		}
		return nil
	}
	err = errors.Join(err, s.Shred(paths...))
	if err == nil || os.Geteuid() != 0 && errors.Is(err, fs.ErrPermission) {
		return nil // what root keeps is not of an image that is somebody else's
	}
	return &verb.Notice{
		Text: fmt.Sprintf("The change was made, but what is kept of the volume below %s cannot be destroyed: %v.",
			undo.StateDirectory(), err),
		Code: ui.Failed, Err: err,
	}
}
