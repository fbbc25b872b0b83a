// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"golang.org/x/sys/unix"
)

// Table is the list of lines of one device.
type Table []target.Target

// Close wipes the keys in the table.
func (t Table) Close() error {
	var errs []error
	for _, line := range t {
		errs = append(errs, line.Close())
	}
	return errors.Join(errs...)
}

// Sectors returns the length of the mapped device in 512-byte sectors.
func (t Table) Sectors() uint64 {
	var end uint64
	for _, line := range t {
		start, length := line.Span()
		end = max(end, start+length)
	}
	return end
}

// LoadOptions belong to a table.
type LoadOptions struct {
	ReadOnly bool
}

// Load puts a table into the inactive slot; Resume makes it the active one. The device and its
// active table stay as they are when it fails. Kinds of errors: ErrUnknownTarget, ErrFlag,
// ErrUnknownCipher, ErrNoKey, ErrNoBacking, ErrBusy (an underlying device is held), ErrTable, ErrNotFound.
func (c *Control) Load(name string, table Table, o LoadOptions) (Info, error) {
	device, err := byName(name)
	if err != nil {
		return Info{}, err
	}
	return c.load(device, name, table, o)
}

// load addresses the device by ref and calls it label in errors.
func (c *Control) load(device ref, label string, table Table, o LoadOptions) (Info, error) {
	payload, err := encodeTable(table)
	if err != nil {
		return Info{}, fmt.Errorf("device-mapper: load %q: %w", label, err)
	}
	defer payload.Close()
	q := call{
		op: opLoad, cmd: unix.DM_TABLE_LOAD, device: device,
		targets: uint32(len(table)), payload: payload.Bytes(), secure: true,
	}
	if o.ReadOnly {
		q.flags |= unix.DM_READONLY_FLAG
	}
	info, err := c.ask(q)
	if err != nil {
		return Info{}, c.explainLoad(device, label, table, err)
	}
	return info, nil
}

// encodeTable renders target_spec records; next counts from the current record on load.
func encodeTable(table Table) (*secret.Buffer, error) {
	payload, err := secret.New(0)
	for _, line := range table {
		if err != nil {
			break
		}
		payload, err = appendLine(payload, line)
	}
	if err != nil {
		return nil, errors.Join(err, payload.Close())
	}
	return payload, nil
}

func appendLine(payload *secret.Buffer, line target.Target) (*secret.Buffer, error) {
	kind := line.Type()
	if len(kind) >= unix.DM_MAX_TYPE_NAME {
		return payload, &NameError{Field: "target type", Value: kind, Reason: "too long"}
	}
	params, err := line.Params()
	if err != nil {
		return payload, err
	}
	defer params.Close()
	var spec targetSpec
	spec.Start, spec.Length = line.Span()
	spec.Next = uint32(align8(specSize + params.Len() + 1))
	copy(spec.Type[:], kind)
	var head [specSize]byte
	store(head[:], spec)
	if payload, err = payload.Append(head[:]); err != nil {
		return payload, err
	}
	if payload, err = payload.Append(params.Bytes()); err != nil {
		return payload, err
	}
	return payload.Append(make([]byte, int(spec.Next)-specSize-params.Len()))
}

func align8(n int) int { return extent.Up(n, 8) }

// explainLoad finds out what the errno of a failed load means, which depends on the table.
func (c *Control) explainLoad(device ref, label string, table Table, err error) error {
	var e *Error
	if !errors.As(err, &e) || e.Errno == 0 {
		return err
	}
	e.Device = label
	switch e.Errno {
	case unix.EINVAL:
		e.Detail, e.Kind = c.whyInvalid(table)
	case unix.ENOENT:
		e.Kind, e.Detail = ErrUnknownCipher, ciphers(table)
	case unix.ENXIO, unix.ENODEV, unix.ENOTBLK:
		if _, missing := c.ask(call{op: opStatus, cmd: unix.DM_DEV_STATUS, device: device}); missing == nil {
			e.Kind, e.Detail = ErrNoBacking, backing(table)
		}
	case unix.EBUSY:
		e.Detail = "underlying device " + backing(table)
	}
	return e
}

// whyInvalid finds what the kernel lacks for a table that it calls invalid: the first target type that it
// does not have, or a flag that its dm-crypt does not know yet.
func (c *Control) whyInvalid(table Table) (detail string, kind error) {
	known, err := c.Targets()
	if err != nil {
		return "", ErrTable
	}
	versions := map[string]Version{}
	for _, t := range known {
		versions[t.Name] = t.Version
	}
	for _, line := range table {
		version, known := versions[line.Type()]
		if !known {
			module := "dm_" + strings.ReplaceAll(line.Type(), "-", "_")
			return fmt.Sprintf("%q, module %s missing", line.Type(), module), ErrUnknownTarget
		}
		crypt, isCrypt := line.(*target.Crypt)
		if !isCrypt {
			continue
		}
		for _, flag := range crypt.Flags.Unknown(version) {
			return fmt.Sprintf("%s needs dm-crypt %s (Linux %s), this kernel has %s", flag.Name, flag.Since,
				flag.Linux, version), ErrFlag
		}
	}
	return "", ErrTable
}

// ciphers names the ciphers of a table for an error.
func ciphers(table Table) string {
	var names []string
	for _, line := range table {
		if crypt, ok := line.(*target.Crypt); ok {
			names = once(names, crypt.Cipher)
		}
	}
	return strings.Join(names, ", ")
}

// backing names the devices under a table for an error.
func backing(table Table) string {
	var names []string
	for _, line := range table {
		switch t := line.(type) {
		case *target.Crypt:
			names = once(names, t.Device)
		case *target.Linear:
			names = once(names, t.Device)
		case *target.Integrity:
			names = once(names, t.Device)
		case *target.Verity:
			names = once(once(names, t.DataDevice), t.HashDevice)
		}
	}
	return strings.Join(names, ", ")
}

// once appends a name that is not there yet: a table may have many lines of one cipher and device.
func once(names []string, name string) []string {
	if slices.Contains(names, name) {
		return names
	}
	return append(names, name)
}

// Clear drops the table in the inactive slot.
func (c *Control) Clear(name string) (Info, error) {
	device, err := byName(name)
	if err != nil {
		return Info{}, err
	}
	return c.ask(call{op: opClear, cmd: unix.DM_TABLE_CLEAR, device: device})
}
