// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

func checkName(name string) error {
	if strings.Contains(name, "/") {
		return verb.Failure(ui.Failed, "Name must not contain '/' character.")
	}
	_, err := dm.Mangle(name)
	return err
}

// controlFor opens the device-mapper and makes sure that the name is free.
func controlFor(c *verb.Command, name string) (*dm.Control, error) {
	control, err := dm.Open()
	if err != nil {
		return nil, err
	}
	control.Warn = func(err error) { c.UI.Errorf("WARNING: %v", err) }
	_, err = control.Status(name)
	switch {
	case errors.Is(err, dm.ErrNotFound):
		return control, nil
	case err == nil:
		err = verb.Failure(ui.InUse, "Device %s already exists.", name)
	}
	return nil, errors.Join(err, control.Close())
}

// activateVolume makes the device of a volume, with the flags of the header and of the command line.
func activateVolume(ctx context.Context, c *verb.Command, control *dm.Control, v *volume.Volume, data *dataDevice,
	key *luks.Key,
) error {
	m, err := data.Mapping(c.Args[1], key, c.Opt.DisableKeyring)
	if err != nil {
		return verb.DeviceError(data.shown, err)
	}
	if c.Opt.Persistent {
		m.Flags = 0 // replaced by those of the command line
	}
	m.Flags |= c.Opt.Flags
	if m.Tags != nil {
		activate.SetMode(m.Tags, writeMode(c, v))
	}
	if _, err := data.Map(ctx, control, m); err != nil {
		return nameTaken(m.Name, err)
	}
	return persistWanted(ctx, c, v)
}

func nameTaken(name string, err error) error {
	if errors.Is(err, dm.ErrExists) {
		return verb.Failure(ui.InUse, "Device %s already exists.", name)
	}
	return err
}

// notTooShort refuses to map a volume with a far header shorter than the file system inside, which an
// older tool, to which the data reaches to the device's end, let grow over it.
func notTooShort(c *verb.Command, v *volume.Volume, data *dataDevice, key *luks.Key) error {
	inside, outgrown, err := data.Outgrown(key)
	if err != nil {
		c.UI.Debugf("end of the contents of %s: %v", data.shown, err)
	}
	if outgrown {
		return &verb.Notice{Text: fmt.Sprintf("The %s inside %s is %d bytes long, and the data before the far "+
			"header only %d: it grew under an older tool. "+
			"Give the room of the far header back with \"%s far disable %s\".", inside.Kind, data.shown, inside.End,
			v.Data.Size, c.Program, data.shown), Code: ui.Failed}
	}
	return nil
}
