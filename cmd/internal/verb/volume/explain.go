// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// FarError puts a refusal into one line that names the device, and says that nothing was changed where no step
// was begun.
func (v *Volume) FarError(err error) error { return farError(v.Path, v.Mended, err) }

func farError(path string, mended bool, err error) error {
	var left *luks.FarError
	var begun *commit.StepError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &left), errors.As(err, &begun):
		return &verb.Notice{Text: fmt.Sprintf("Device %s: %v.", path, verb.OneLine(err)), Code: ui.Failed, Err: err}
	case errors.Is(err, activate.ErrSuspended), errors.Is(err, activate.ErrUnconfirmed):
		return err
	}
	changed := "Nothing"
	if mended {
		changed = "The header was mended, and nothing else"
	}
	return &verb.Notice{
		Text: fmt.Sprintf("Device %s: %s. %s was changed.", path, verb.OneLine(err), changed),
		Code: ui.Failed, Err: err,
	}
}

// SizeError says that nothing was changed where an error came before the first write, and what goes on
// where it came later.
func SizeError(path string, err error) error {
	var room *luks.RoomError
	var impossible *relocate.SizesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &impossible):
		return &verb.Notice{
			Text: fmt.Sprintf("Unsupported LUKS2 metadata size options: %v.", impossible),
			Code: ui.Failed, Err: err,
		}
	case errors.As(err, &room):
		return &verb.Notice{Text: fmt.Sprintf("The contents of %s end at byte %d of the data, which would have %d. "+
			"Make them smaller first. Nothing was changed.", path, room.End, room.Size), Code: ui.Failed, Err: err}
	case errors.Is(err, activate.ErrSuspended), errors.Is(err, activate.ErrUnconfirmed):
		return err
	case errors.Is(err, block.ErrBusy), errors.Is(err, luks.ErrPassphrase):
		return verb.DeviceError(path, err)
	}
	return &verb.Notice{Text: fmt.Sprintf("Device %s: %s.", path, verb.OneLine(err)), Code: ui.Failed, Err: err}
}
