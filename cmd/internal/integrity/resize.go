// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"context"
	"errors"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// resizeMapping lets a mapping follow its device, or makes it as long as was asked for.
func (r *run) resizeMapping(ctx context.Context) error {
	control, err := setup.Control()
	if err != nil {
		return err
	}
	defer control.Close()
	name := setup.Name(r.args[0])
	table, info, err := control.Table(name, dm.Active)
	if err != nil {
		return setup.Explain(r.args[0], err)
	}
	defer table.Close()
	if len(table) != 1 || table[0].Type() != "integrity" || !strings.HasPrefix(info.UUID, uuidPrefix) {
		if strings.HasPrefix(info.UUID, "CRYPT-LUKS") || strings.HasPrefix(info.UUID, "CRYPT-SUBDEV-") {
			return setup.Failure(ui.Failed, "Resize of LUKS2 device with integrity protection is not supported.")
		}
		return setup.Failure(ui.NoDevice, "Device %s is not active.", r.args[0])
	}
	wanted, err := r.wantedSectors()
	if err != nil {
		return err
	}
	return r.resize(ctx, control, name, table[0].(*target.Integrity), wanted)
}

// wantedSectors is the length that the command line names; 0 for all there is.
func (r *run) wantedSectors() (uint64, error) {
	if r.deviceSize%integrity.SectorSize != 0 {
		return 0, setup.Failure(ui.Failed, "Device size must be multiple of 512 bytes sector.")
	}
	return max(r.size, r.deviceSize/integrity.SectorSize), nil
}

// resize reloads the table as it is first, whereupon the kernel looks how much the device now has room for.
func (r *run) resize(ctx context.Context, control *dm.Control, name string, t *target.Integrity, wanted uint64) error {
	before := t.Length
	for _, number := range []string{t.Device, t.MetaDevice} {
		if err := growLoop(number); err != nil {
			return err
		}
	}
	if err := reload(ctx, control, name, t); err != nil {
		return r.explainResize(err)
	}
	provided, err := providedSectors(control, name)
	if err != nil {
		return err
	}
	if wanted == 0 {
		wanted = provided
	}
	if wanted > provided {
		node, _ := block.Node(t.Device)
		return setup.Failure(ui.Failed, "Device %s is too small.", node)
	}
	if wanted%uint64(max(t.BlockSize, 512)/integrity.SectorSize) != 0 {
		return setup.Failure(ui.Failed, "The size is no multiple of the sector size of %d bytes.", t.BlockSize)
	}
	if wanted == before {
		return nil
	}
	t.Length = wanted
	if wanted > before && !r.wipe {
		t.Flags |= target.Recalculate
	}
	if err := reload(ctx, control, name, t); err != nil {
		return r.explainResize(err)
	}
	if wanted > before && r.wipe {
		return r.wipeAdded(ctx, name, before, wanted)
	}
	return nil
}

func reload(ctx context.Context, control *dm.Control, name string, t *target.Integrity) error {
	if _, err := control.Load(name, dm.Table{t}, dm.LoadOptions{}); err != nil {
		return err
	}
	_, err := control.Resume(ctx, name, dm.ResumeOptions{})
	return err
}

// growLoop makes a loop device as long as its file has become.
func growLoop(number string) error {
	node, file := block.Node(number)
	if file == "" {
		return nil
	}
	loop, err := block.OpenLoop(node)
	if err != nil {
		return err
	}
	defer loop.Close()
	return loop.SetCapacity()
}

func providedSectors(control *dm.Control, name string) (uint64, error) {
	states, _, err := control.TableStatus(name, true)
	if err != nil {
		return 0, err
	}
	if len(states) != 1 {
		return 0, setup.Failure(ui.Failed, "Device %s is not a dm-integrity mapping.", name)
	}
	s, err := target.ParseIntegrityStatus([]byte(states[0].Text))
	return s.ProvidedSectors, err
}

func (r *run) explainResize(err error) error {
	if errors.Is(err, unix.EOPNOTSUPP) {
		return insecureRecalculation(err)
	}
	return setup.Because(ui.InUse, "Cannot resize "+r.args[0]+": "+err.Error()+".", err)
}

// wipePiece is what is written between two looks at whether to go on, bytes.
const wipePiece = 4 << 20

// wipeAdded writes zeros to what was added, through the mapping, which gives them their tags.
func (r *run) wipeAdded(ctx context.Context, name string, from, to uint64) error {
	path := "/dev/mapper/" + name
	d, err := openDevice(path, block.ReadWrite)
	if err != nil {
		return err
	}
	defer d.Close()
	at, end := int64(from)*integrity.SectorSize, int64(to)*integrity.SectorSize
	start := at
	progress := r.progress(path, end-start, "")
	for at < end {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(wipePiece, end-at)
		if err := d.ZeroRange(at, n); err != nil {
			return err
		}
		if at += n; progress != nil {
			progress(at - start)
		}
	}
	return d.Sync()
}
