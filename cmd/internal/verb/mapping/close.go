// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// closePatience is how long a busy device is tried again, since udev's own looks at a device last
// moments; it is that of libdevmapper.
const closePatience = 5 * time.Second

// closeOptions are those that only close takes.
type closeOptions struct {
	cancelDeferred bool
	deferred       bool
}

// Close declares the verb.
func Close() verb.Verb {
	var o closeOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "close", Group: cli.GroupMapping, Args: "<name>", MinArgs: 1, First: 4,
			Summary: "remove a mapping and forget its key",
			Aliases: []cli.Alias{
				{Name: "remove", Type: "plain"},
				{Name: "plainClose", Type: "plain"},
				{Name: "luksClose", Type: "luks"},
				{Name: "loopaesClose", Type: "loopaes"},
				{Name: "tcryptClose", Type: "tcrypt"},
				{Name: "bitlkClose", Type: "bitlk"},
				{Name: "fvault2Close", Type: "fvault2"},
			},
			Takes: cli.OfHeader,
			Options: []cli.Option{
				{
					Long: "cancel-deferred", Into: &o.cancelDeferred,
					Help: "take back a removal that waits for the last user",
				},
				{Long: "deferred", Into: &o.deferred, Help: "remove the mapping as soon as nothing uses it"},
			},
			AnyFormat: true,
			Rules:     []cli.Rule{o.deferredRule},
			About: []string{
				"Removes the mapping, and with it the key from the kernel. A device that is still in use is " +
					"tried for five seconds; then those who hold it are named.",
			},
			Examples: []cli.Example{
				{What: "Remove it once its last user is gone:", Line: "orthrus close --deferred data"},
				{What: "Remove it now:", Line: "orthrus close data"},
			},
			SeeAlso: []string{"open"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return closeVolume(ctx, c, &o) },
	}
}

func (o *closeOptions) deferredRule(*cli.Invocation) string {
	return cli.Refuse(o.deferred && o.cancelDeferred, "Options --cancel-deferred and --deferred cannot be used at "+
		"the same time.")
}

// closeVolume takes a mapping down, now or with its last user.
func closeVolume(ctx context.Context, c *verb.Command, o *closeOptions) error {
	arg := c.Args[0]
	name := mapped.MappingName(arg)
	control, err := mapped.Mapper(c, arg)
	if err != nil {
		return err
	}
	defer control.Close()
	info, err := control.Status(name)
	if err != nil {
		return closeError(arg, err)
	}
	below, err := belowOf(control, name, info)
	if err != nil {
		return err
	}
	if o.cancelDeferred {
		err := control.CancelDeferred(name)
		for _, level := range below {
			err = errors.Join(err, control.CancelDeferred(level))
		}
		return closeError(arg, err)
	}
	scheduled, err := control.Remove(ctx, name, dm.RemoveOptions{Retry: closePatience, Deferred: o.deferred})
	if err != nil {
		return closeError(arg, err)
	}
	for _, level := range below {
		o := dm.RemoveOptions{Retry: closePatience, Deferred: o.deferred, Udev: dm.UdevPrivate}
		if _, err := control.Remove(ctx, level, o); err != nil {
			return closeError(level, err)
		}
	}
	if scheduled {
		c.UI.Printf("Device %s is still active and scheduled for deferred removal.", name)
		return nil
	}
	return guarded.ReleaseKey(c, guarded.MappedVolume(info.UUID))
}

// belowOf names the devices that go with the mapping, from the top down: those of a cascade, and the layer of tags.
func belowOf(control *dm.Control, name string, info dm.Info) (names []string, err error) {
	kind := mapped.MappingType(info.UUID)
	if kind != activate.Tcrypt && kind != activate.LUKS2 {
		return nil, nil
	}
	table, _, err := control.Table(name, dm.Active)
	if err != nil {
		return nil, err
	}
	defer table.Close()
	crypt, ok := table[0].(*target.Crypt)
	switch {
	case !ok:
	case kind == activate.Tcrypt:
		for _, level := range mapped.Below(control, name, crypt) {
			names = append(names, level.Name)
		}
	case activate.TagsOf(control, name, crypt) != nil:
		names = []string{activate.TagsName(name)}
	}
	return names, nil
}

// closeError names who holds the device.
func closeError(name string, err error) error {
	var busy *dm.BusyError
	switch {
	case errors.Is(err, dm.ErrNotFound), errors.Is(err, dm.ErrName):
		return mapped.NotActive(name)
	case errors.As(err, &busy):
		return &verb.Notice{Text: verb.StillInUse(name, busy), Code: ui.InUse, Err: err}
	}
	return err
}
