// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// openMidway maps a volume on which a reencryption was interrupted, each part of its data under its own key. It
// writes nothing.
func openMidway(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	verdict := reencrypt.Judge(v.Heads, v.Choice)
	if err := midwayOpens(c, v, verdict); err != nil {
		return err
	}
	name := c.Args[1]
	control, err := controlFor(c, name)
	if err != nil {
		return err
	}
	defer control.Close()
	release, err := noRun(c, v)
	if err != nil {
		return err
	}
	defer release()
	data, err := openData(c, v, c.Opt.ReadOnly)
	if err != nil {
		return err
	}
	defer data.Close()
	ends, err := keys.Ends(ctx, c, v, verdict, keys.EnterFor(data.shown))
	if err != nil {
		return err
	}
	defer ends.Close()
	run, pieces, err := readMidway(ctx, v, data, verdict, ends.Keys())
	if err != nil {
		return midwayRefused(data.shown, err)
	}
	err = open.MapMidway(ctx, data.Opening, control, name, run, pieces, ends.Keys(), crypt(c, v))
	if err != nil {
		return nameTaken(name, err)
	}
	c.UI.Advisef("%s is open as /dev/mapper/%s, in the middle of a reencryption.", data.shown, name)
	return nil
}

// midwayOpens refuses what no key helps with, before anybody is asked.
func midwayOpens(c *verb.Command, v *volume.Volume, verdict reencrypt.Verdict) error {
	switch {
	case verdict.State == reencrypt.Foreign:
		return midwayRefused(v.Path, &reencrypt.ForeignError{Field: "reencryption", Why: verdict.Reason})
	case verdict.State == reencrypt.Hot && !c.Opt.ReadOnly:
		return verb.Failure(ui.Failed, "A reencryption of %s was interrupted within a step. Bring it to its end first "+
			"with \"%s repair\", or open it with --readonly.", v.Path, c.Program)
	}
	for _, end := range []reencrypt.End{verdict.Run.Old, verdict.Run.New} {
		if end.Type != "crypt" {
			continue
		}
		if err := volume.AllowCipher(c, end.Encryption); err != nil {
			return err
		}
	}
	return nil
}

// noRun makes sure that no program goes on with the run meanwhile.
func noRun(c *verb.Command, v *volume.Volume) (release func() error, err error) {
	if c.Opt.DisableLocks {
		return func() error { return nil }, nil
	}
	lock, err := block.SystemLocks.TryLockName("LUKS2-reencryption-" + v.UUID)
	if errors.Is(err, block.ErrLocked) {
		return nil, verb.Failure(ui.InUse, "Reencryption in-progress. Cannot activate device.")
	}
	return lock.Release, err
}

// readMidway verifies keys and metadata, and says which part of the data is under which.
func readMidway(ctx context.Context, v *volume.Volume, data *dataDevice, verdict reencrypt.Verdict,
	k reencrypt.Keys,
) (*reencrypt.Run, []reencrypt.Piece, error) {
	dev, err := block.Open(data.Path, 0)
	if err != nil {
		return nil, nil, verb.DeviceError(data.Path, err)
	}
	defer dev.Close()
	if verdict.State == reencrypt.Hot {
		count, err := verdict.Run.Weigh(v.File, dev)
		if err == nil {
			verdict = verdict.Weighed(count)
		} else if !errors.Is(err, reencrypt.ErrNoEvidence) {
			return nil, nil, err
		}
	}
	p, err := reencrypt.Open(ctx, verdict, v.File, dev, data.Disk.Size, k)
	if err != nil {
		return nil, nil, err
	}
	p.Close()
	return verdict.Readable(v.File, dev, data.Disk.Size, k)
}

func midwayRefused(path string, err error) error {
	code := ui.Failed
	if errors.Is(err, reencrypt.ErrKey) || errors.Is(err, reencrypt.ErrDigest) {
		code = ui.Denied
	}
	return &verb.Notice{Text: fmt.Sprintf("Device %s: %v.", path, err), Code: code, Err: err}
}
