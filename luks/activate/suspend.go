// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// Suspend holds back all I/O and takes the key out of the kernel. Where the key cannot be wiped
// the mapping goes on as it was.
func Suspend(ctx context.Context, c Mapper, name string) error {
	if _, err := c.Suspend(name, dm.SuspendOptions{}); err != nil {
		return err
	}
	if _, err := c.Message(name, 0, []byte(target.KeyWipe)); err != nil {
		return errors.Join(err, runOn(ctx, c, name))
	}
	return nil
}

// Resume gives a suspended mapping its key back and lets I/O go on. Of m it needs Name, Key and
// KeyDescription. Where it cannot go on, the key is taken out again.
func Resume(ctx context.Context, c Mapper, m Mapping) error {
	return withKey(m, func(byRing bool) error {
		line, err := m.Target(byRing)
		if err != nil {
			return err
		}
		defer line.Close()
		message, err := target.KeySet(line.Key)
		if err != nil {
			return err
		}
		defer message.Close()
		if _, err := c.Message(m.Name, 0, message.Bytes()); err != nil {
			return err
		}
		if _, err = c.Resume(ctx, m.Name, dm.ResumeOptions{}); err != nil {
			return errors.Join(err, wipeAgain(c, m.Name))
		}
		return nil
	})
}

// wipeAgain takes the key out of a mapping that is still suspended.
func wipeAgain(c Mapper, name string) error {
	info, err := c.Status(name)
	if err != nil || !info.Suspended {
		return err
	}
	_, err = c.Message(name, 0, []byte(target.KeyWipe))
	return err
}
