// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/luks"
)

// ErrNothingToAccept: no head on the device is in order.
var ErrNothingToAccept = errors.New("no header on the device is in order")

// Accept takes what lies on a device for the volume, because a person says so: what was kept of another
// line, or of another volume under the UUID, is destroyed. It returns the UUID.
func (g *Guard) Accept(ctx context.Context, id string) (uuid string, err error) {
	d, err := g.describe(id)
	if err != nil {
		return "", err
	}
	file, err := luks.OpenDevice(d.Path, luks.DeviceOptions{})
	if err != nil {
		return "", err
	}
	defer file.Close()
	e, err := gather(ctx, file)
	if err != nil {
		return "", err
	}
	l := g.see(d, file, e)
	if l.sight.Mark == nil || !inOrder(e) || !right(l.sight.Report) {
		return l.uuid, ErrNothingToAccept
	}
	return l.uuid, g.accept(l, file)
}

func (g *Guard) accept(l look, file *luks.File) error {
	h, err := g.capture(l, file, time.Now())
	if err != nil {
		return err
	}
	next := l.chain.Accept(*l.sight.Mark, store.Now(), l.device.Key)
	next.Overruled = newerState(l.far)
	// What stands against older states comes first: what is kept goes only once that is known.
	if err := errors.Join(g.store.Settle(*l.sight.Mark), g.store.Sight(l.device.Key, *l.sight.Mark)); err != nil {
		return err
	}
	if err := errors.Join(g.store.Purge(l.uuid), g.store.Release(l.uuid)); err != nil {
		return err
	}
	kept := &h
	if l.sight.Mark.Reencrypt {
		kept = nil
	}
	if _, err := g.store.Save(next, kept, file); err != nil {
		return err
	}
	g.unsaved.Store(true)
	g.note(l.uuid, store.Entry{
		Device: l.device.Path, What: store.Accepted, SeqID: l.sight.Mark.SeqID,
		Text: fmt.Sprintf("a person said that this counts; it was %s", l.chain.Relate(*l.sight.Mark)),
	})
	return nil
}
