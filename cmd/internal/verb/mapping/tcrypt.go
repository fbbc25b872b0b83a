// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// openTcrypt maps a TrueCrypt or VeraCrypt volume, or with --test-passphrase only unlocks it.
func openTcrypt(ctx context.Context, c *verb.Command) error {
	if !c.Opt.TestPassphrase {
		if err := checkName(c.Args[1]); err != nil {
			return err
		}
	}
	t, err := foreign.ReadTcrypt(c)
	if err != nil {
		return err
	}
	if !c.Opt.TestPassphrase {
		return mapTcrypt(ctx, c, t)
	}
	v, err := t.Unlock(ctx, c, t.Path)
	if err != nil {
		return err
	}
	c.UI.Advisef("It opens %s, by %v; the data is encrypted with %v.", t.Path, v.Derivation, v.Chain)
	return v.Close()
}

// mapTcrypt checks everything that needs no key before it asks for one. Where the data lies, only the header tells:
// what the argument names is claimed before, and a partition that it is found on after that.
func mapTcrypt(ctx context.Context, c *verb.Command, t *foreign.Tcrypt) error {
	control, err := controlFor(c, c.Args[1])
	if err != nil {
		return err
	}
	defer control.Close()
	path, err := volume.Named(c)
	if err != nil {
		return err
	}
	// A disk is not claimed where one of its partitions may be meant.
	request := luks.Request{Data: path, ReadOnly: c.Opt.ReadOnly, Shared: c.Opt.TcryptSystem}
	data, err := claim(luks.NewOpening(nil, request), path)
	if err != nil {
		return err
	}
	defer func() { data.Close() }()
	shown := data.shown
	v, err := t.Unlock(ctx, c, shown)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := mappable(v); err != nil {
		return err
	}
	segment, err := segmentOf(c, v, path, &data)
	if err != nil {
		return err
	}
	hints(c, v)
	m := open.TcryptMapping{Name: c.Args[1], Volume: v, Segment: segment, Disk: data.Disk, Flags: c.Opt.Flags}
	if err := nameTaken(m.Name, m.Activate(ctx, control)); err != nil {
		return err
	}
	c.UI.Advisef("%s is open as /dev/mapper/%s.", shown, c.Args[1])
	return nil
}

// mappable says, in words, why no kernel maps a volume.
func mappable(v *tcrypt.Volume) error {
	err := v.Chain.Mappable()
	if err == nil {
		return nil
	}
	text := "Kernel does not support activation for this TCRYPT legacy mode."
	reads := "VeraCrypt 1.25 and TrueCrypt read"
	if errors.Is(err, tcrypt.ErrCipher) {
		text, reads = "Kernel does not support TCRYPT compatible mapping.", "VeraCrypt reads"
	}
	return &verb.Notice{
		Text: text, Code: ui.Failed, Err: err,
		Own: fmt.Sprintf("The data is encrypted with %v: %v. %s it.", v.Chain, err, reads),
	}
}

// hints are on what damages a hidden volume or reveals that there is one.
func hints(c *verb.Command, v *tcrypt.Volume) {
	if v.Place.Hidden || v.Place.System || c.Opt.ReadOnly {
		return
	}
	c.UI.Advisef("If it holds a hidden volume, writing may destroy that: use --readonly then.")
}

// segmentOf is where the data lies on the device, which becomes a partition of it where that is where it lies.
func segmentOf(c *verb.Command, v *tcrypt.Volume, path string, data **dataDevice) (tcrypt.Segment, error) {
	if v.Place.System {
		return systemSegment(c, v, path, data)
	}
	s, err := v.Segment((*data).Disk.Size)
	return s, segmentError((*data).shown, err)
}

func segmentError(shown string, err error) error {
	if err == nil {
		return nil
	}
	return &verb.Notice{
		Text: fmt.Sprintf("Device %s does not hold the volume: %v.", shown, err), Code: ui.Failed, Err: err,
	}
}

// systemSegment finds the partition of an encrypted system: the one that is named, the one that --header names, one
// that has exactly the place that the header tells. Without it, the whole area is mapped, or the device as such a
// partition.
func systemSegment(c *verb.Command, v *tcrypt.Volume, path string, data **dataDevice) (tcrypt.Segment, error) {
	size := (*data).Disk.Size
	if p := open.PartitionAt(path); p != nil {
		return tcrypt.SystemPartition(p.Start, size), nil
	}
	if c.Opt.Header.Set {
		if p := open.PartitionAt(c.Opt.Header.V); p != nil {
			return tcrypt.SystemPartition(p.Start, size), nil
		}
		c.UI.Errorf("Cannot determine TCRYPT system partition offset, activating device as a system partition.")
		return tcrypt.SystemPartition(v.Start, size), nil
	}
	if p := open.PartitionWith(path, v.Start, v.VolumeSize); p != nil {
		c.UI.Verbosef("Activating TCRYPT system encryption for partition %s.", p.Path)
		found, err := claim(luks.NewOpening(nil, luks.Request{Data: p.Path, ReadOnly: c.Opt.ReadOnly}), p.Path)
		if err != nil {
			return tcrypt.Segment{}, err
		}
		err = (*data).Close()
		*data = found
		return tcrypt.SystemPartition(p.Start, p.Size), err
	}
	c.UI.Errorf("Cannot determine TCRYPT system partition offset, activating whole encrypted area.")
	s, err := v.Segment(size)
	return s, segmentError((*data).shown, err)
}
