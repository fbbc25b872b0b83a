// SPDX-License-Identifier: Apache-2.0

package setup

import (
	"context"
	"errors"
	"path/filepath"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
)

// patience is how long a busy device is tried again.
const patience = 5 * time.Second

// Control opens the kernel's device-mapper.
func Control() (*dm.Control, error) {
	control, err := dm.Open()
	if err != nil {
		return nil, Because(ui.Failed, "Cannot initialize device-mapper. Is dm_mod kernel module loaded?", err)
	}
	return control, nil
}

// Name is the name of a mapping, which may be given as a path.
func Name(arg string) string { return filepath.Base(arg) }

// Removal says how a mapping is to be closed.
type Removal struct {
	UUID     string // what the device-mapper's uuid of a mapping of this kind begins with
	Deferred bool   // where it is in use, once it is not
	Cancel   bool   // take that back
}

// Close closes the mapping that arg names.
func Close(ctx context.Context, u *ui.UI, arg string, r Removal) error {
	control, err := Control()
	if err != nil {
		return err
	}
	defer control.Close()
	return Explain(arg, r.carryOut(ctx, u, control, arg))
}

func (r Removal) carryOut(ctx context.Context, u *ui.UI, control *dm.Control, arg string) error {
	name := Name(arg)
	if r.Cancel {
		return control.CancelDeferred(name)
	}
	info, err := control.Status(name)
	if err != nil {
		return err
	}
	if !strings.HasPrefix(info.UUID, r.UUID) {
		return Failure(ui.NoDevice, "Device %s is not active.", arg)
	}
	scheduled, err := control.Remove(ctx, name, dm.RemoveOptions{Retry: patience, Deferred: r.Deferred})
	if err == nil && scheduled {
		u.Printf("Device %s is still active and scheduled for deferred removal.", name)
	}
	return err
}

// Explain says of what the kernel answers about a mapping what veritysetup and integritysetup say.
func Explain(arg string, err error) error {
	switch {
	case errors.Is(err, dm.ErrNotFound), errors.Is(err, dm.ErrName):
		return Because(ui.NoDevice, "Device "+arg+" is not active.", err)
	case errors.Is(err, dm.ErrBusy):
		return Because(ui.InUse, "Device "+arg+" is still in use.", err)
	}
	return err
}
