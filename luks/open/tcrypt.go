// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
)

// Tcrypt is what may be a volume of TrueCrypt or VeraCrypt: only the right password tells.
type Tcrypt struct {
	Headers []tcrypt.Sealed
	Path    string // of the device that they were read from: for a system, the disk of the partition that was named
	Size    uint64 // of that device, bytes
}

// ReadTcrypt reads the headers that are wanted. Errors are those of block.Open and of reading, tcrypt.ErrNoPlace.
func ReadTcrypt(path string, w tcrypt.Wanted) (*Tcrypt, error) {
	if p := PartitionAt(path); w.System && p != nil {
		path = p.Disk
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return nil, err
	}
	defer dev.Close()
	t := &Tcrypt{Path: path, Size: uint64(dev.Size())}
	places, err := w.Places(t.Size)
	if err != nil {
		return nil, err
	}
	t.Headers, err = tcrypt.Read(dev, places)
	return t, err
}

// TcryptMapping is a mapping of such a volume to be made.
type TcryptMapping struct {
	Name    string
	Volume  *tcrypt.Volume
	Segment tcrypt.Segment
	Disk    activate.Data
	Flags   target.CryptFlags
}

// levelName is the name of a level, 0 the lowest of n: the one above all has the name itself.
func (m TcryptMapping) levelName(level int) string {
	if n := m.Volume.Levels(); level < n-1 {
		return fmt.Sprintf("%s_%d", m.Name, n-1-level)
	}
	return m.Name
}

// Activate makes one device for each cipher, the lowest first; on failure none stays. Errors are those of
// dm.Control.Activate and of tcrypt.Volume.Line.
func (m TcryptMapping) Activate(ctx context.Context, control *dm.Control) error {
	device := m.Disk.Device.String()
	for level := range m.Volume.Levels() {
		info, err := m.activate(ctx, control, level, device)
		if err != nil {
			return errors.Join(err, m.undo(ctx, control, level))
		}
		device = (dm.Number{Major: info.Major, Minor: info.Minor}).String()
	}
	return nil
}

func (m TcryptMapping) activate(ctx context.Context, control *dm.Control, level int, device string) (dm.Info, error) {
	line, err := m.Volume.Line(level, device, m.Segment, m.Flags)
	if err != nil {
		return dm.Info{}, err
	}
	name := m.levelName(level)
	plan := dm.Plan{
		Name: name, UUID: activate.UUID(activate.Tcrypt, "", name), Table: dm.Table{line},
		ReadOnly: m.Disk.ReadOnly, ReadAhead: m.Disk.ReadAhead,
	}
	if level < m.Volume.Levels()-1 {
		plan.UUID, plan.Udev = activate.UUID(activate.Lower, "", name), dm.UdevPrivate
	}
	info, err := control.Activate(ctx, plan)
	return info, errors.Join(err, plan.Table.Close())
}

// undoPatience is how long a level that is in use is tried again to be removed.
const undoPatience = 5 * time.Second

// undo removes the levels below one.
func (m TcryptMapping) undo(ctx context.Context, control *dm.Control, level int) (err error) {
	for level--; level >= 0; level-- {
		_, one := control.Remove(context.WithoutCancel(ctx), m.levelName(level),
			dm.RemoveOptions{Retry: undoPatience, Udev: dm.UdevPrivate})
		err = errors.Join(err, one)
	}
	return err
}
