// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// Mapper is what this package needs of the device-mapper to change a mapping: *dm.Control.
type Mapper interface {
	Status(name string) (dm.Info, error)
	Table(name string, slot dm.Slot) (dm.Table, dm.Info, error)
	Load(name string, table dm.Table, o dm.LoadOptions) (dm.Info, error)
	Clear(name string) (dm.Info, error)
	Suspend(name string, o dm.SuspendOptions) (dm.Info, error)
	Resume(ctx context.Context, name string, o dm.ResumeOptions) (dm.Info, error)
	Message(name string, sector uint64, text []byte) (string, error)
}

var (
	// ErrNotCrypt is the kind of refusal to change a mapping that is no single crypt line.
	ErrNotCrypt = errors.New("not a mapping of one crypt line")
	// ErrSuspended is the kind of StateError of a mapping that is suspended: its key may have been wiped,
	// and what its table shows then is zeros, which the kernel takes for a key.
	ErrSuspended = errors.New("the mapping is suspended")
	// ErrUnconfirmed is the kind of StateError of a mapping whose key the volume's digest does not know.
	ErrUnconfirmed = errors.New("the key in the mapping's table is not the volume's")
)

// StateError names a mapping that must not be changed, or not be read from, and says why.
type StateError struct {
	Name string
	Kind error // ErrSuspended, ErrUnconfirmed or ErrNotCrypt
}

func (e *StateError) Error() string { return fmt.Sprintf("mapping %s: %v", e.Name, e.Kind) }
func (e *StateError) Unwrap() error { return e.Kind }

// Confirm tells whether a key is the volume's: whether the digest in the header agrees.
type Confirm func(key []byte) (bool, error)

// Current is the active table of a mapping that is one crypt line.
type Current struct {
	Name  string
	Info  dm.Info
	Crypt *target.Crypt // its only line
	table dm.Table
}

// Read reads the active table. The caller closes it. The error is a StateError of kind ErrNotCrypt where
// the mapping is something else.
func Read(c Mapper, name string) (*Current, error) {
	table, info, err := c.Table(name, dm.Active)
	if err != nil {
		return nil, err
	}
	if len(table) == 1 {
		if crypt, ok := table[0].(*target.Crypt); ok {
			return &Current{Name: name, Info: info, Crypt: crypt, table: table}, nil
		}
	}
	return nil, errors.Join(&StateError{name, ErrNotCrypt}, table.Close())
}

// Close wipes the key.
func (t *Current) Close() error { return t.table.Close() }

// Running refuses a mapping that is suspended: nothing may be loaded over it, and nothing be read through
// it, which would wait for as long as it stays so.
func (t *Current) Running() error { return running(t.Name, t.Info) }

func running(name string, info dm.Info) error {
	if info.Suspended {
		return &StateError{name, ErrSuspended}
	}
	return nil
}

// Key copies the key that stands in the table; nil where the keyring has it. It is the only way to a key
// that is to be loaded again: that of a suspended mapping is no key, and any other is believed only when
// the volume's digest agrees. A mapping without a header, a plain one, has nothing to ask: confirm is nil.
func (t *Current) Key(confirm Confirm) (*secret.Buffer, error) {
	if err := t.Running(); err != nil {
		return nil, err
	}
	if t.Crypt.Key.Ring != nil {
		return nil, nil
	}
	if err := t.confirmed(confirm); err != nil {
		return nil, err
	}
	return secret.Copy(t.Crypt.Key.Raw.Bytes())
}

func (t *Current) confirmed(confirm Confirm) error {
	if confirm == nil || strings.HasPrefix(t.Crypt.Cipher, "cipher_null") {
		return nil // no digest to ask, or no key to believe
	}
	agrees, err := confirm(t.Crypt.Key.Raw.Bytes())
	if err == nil && !agrees {
		err = &StateError{t.Name, ErrUnconfirmed}
	}
	return err
}

// exchange makes another table the active one of a mapping that is running. On failure the old one stays
// and runs on: the kernel leaves a device suspended whose new table it finds wrong only when it is put in
// (dm_swap_table: a length that the device below has no whole blocks for).
func exchange(ctx context.Context, c Mapper, name string, table dm.Table, readOnly bool) error {
	info, err := c.Status(name)
	if err == nil {
		err = running(name, info)
	}
	if err != nil {
		return err
	}
	if _, err := c.Load(name, table, dm.LoadOptions{ReadOnly: readOnly}); err != nil {
		return err
	}
	_, err = c.Resume(ctx, name, dm.ResumeOptions{})
	if err == nil {
		return nil
	}
	_, clearErr := c.Clear(name)
	return errors.Join(err, clearErr, runOn(ctx, c, name))
}

// runOn resumes a mapping that a failure has left suspended. The end of ctx must not stop it.
func runOn(ctx context.Context, c Mapper, name string) error {
	info, err := c.Status(name)
	if err != nil || !info.Suspended {
		return err
	}
	_, err = c.Resume(context.WithoutCancel(ctx), name, dm.ResumeOptions{})
	return err
}
