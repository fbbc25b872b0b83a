// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
)

// Leftover is a header backup that was kept while a LUKS1 keyslot was changed in place, and that alone still has it.
type Leftover struct {
	Path    string
	Keyslot int
}

func (l Leftover) String() string {
	return fmt.Sprintf("keyslot %d is not there any more, and was when %s was kept for the time of a change in place",
		l.Keyslot, l.Path)
}

// Concluded1 concludes what a change of a LUKS1 keyslot left that was cut off: a detour comes back, and a keyslot
// whose material is still whole is enabled again. What is left cannot be told from a keyslot that was killed, and
// is named.
func Concluded1(ctx context.Context, c *verb.Command, v *luks.Volume, path string) ([]Leftover, error) {
	if v.Version != 1 {
		return nil, nil
	}
	came, err := v.ComeHome(ctx)
	if err != nil {
		return nil, err
	}
	if came {
		c.UI.Verbosef("What was begun on %s was concluded.", path)
	}
	return eachAside(ctx, v, func(backup *luks.Volume) error {
		taken, err := v.TakeBack(ctx, backup)
		for _, id := range taken {
			c.UI.Errorf("WARNING: keyslot %d of %s was being changed when that was cut off; its former passphrase "+
				"opens it.", id, path)
		}
		return err
	})
}

// Leftovers lists what Concluded1 would name, and what it would take back, changing nothing.
func Leftovers(ctx context.Context, v *luks.Volume) ([]Leftover, error) {
	return eachAside(ctx, v, nil)
}

// eachAside looks at every backup that was kept of the volume. takeBack, where one is given, deals with what is
// intact.
func eachAside(ctx context.Context, v *luks.Volume, takeBack func(*luks.Volume) error) ([]Leftover, error) {
	paths, err := undo.Headers(undo.StateDirectory(), v.UUID)
	var list []Leftover
	for _, path := range paths {
		err = errors.Join(err, withAside(ctx, path, func(backup *luks.Volume) error {
			lost, err := v.Lost(backup)
			for _, l := range lost {
				if !l.Intact || takeBack == nil {
					list = append(list, Leftover{path, l.Keyslot})
				}
			}
			if err != nil || takeBack == nil || len(lost) == 0 {
				return err
			}
			return takeBack(backup)
		}))
	}
	return list, err
}

// withAside loads a backup; a file that is none is nobody's only copy.
func withAside(ctx context.Context, path string, do func(*luks.Volume) error) error {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return fmt.Errorf("looking at what was kept: %w", err)
	}
	backup, err := luks.Load(ctx, file)
	if err == nil {
		err = do(backup)
	} else {
		err = nil
	}
	return errors.Join(err, file.Close())
}

// CheckLeftovers refuses to add, change or destroy keyslots as long as a keyslot may be in nothing but a backup: that
// would be destroyed along, or the keyslot's number given to another. Another UUID is refused too, by which that
// backup would not be found.
func (v *Volume) CheckLeftovers() error {
	if len(v.leftovers) == 0 {
		return nil
	}
	l := v.leftovers[0]
	return verb.Failure(ui.Failed, "Device %s: %s. Give that file to luksHeaderRestore to have the keyslot back, or "+
		"remove it (it holds key material). Nothing was changed.", v.Path, l)
}
