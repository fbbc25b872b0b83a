// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// lockPatience is how long a look waits for somebody who works on the header.
const lockPatience = time.Second

// look is what one look at a device gathered.
type look struct {
	device  Device
	sight   verdict.Sight
	policy  policy.Policy
	uuid    string // of the volume that lies here, or did
	luks    bool   // something of LUKS is there, or a mapping says that it was
	known   store.Head
	hasHead bool
	mapping block.Holder
	mapped  bool
	lost    *far.Found // the far header of a device without a head
	far     luks.FarHeader
	loaded  *luks.Volume // with a head: as it is on the device
}

// gather reads evidence. A device in order is read without a lock; what looks damaged may be in the
// middle of an update, and is read again under the shared lock.
func gather(ctx context.Context, file *luks.File) (inspect.Evidence, error) {
	e := inspect.Read(file)
	if inOrder(e) || absent(e) {
		return e, nil
	}
	waiting, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	release, err := file.LockMetadata(waiting, false)
	if err != nil {
		return e, err
	}
	e = inspect.Read(file)
	return e, release()
}

// inOrder: nothing about the heads is to be mended.
func inOrder(e inspect.Evidence) bool {
	if e.LUKS1 != nil {
		return len(e.LUKS1.Glitches()) == 0
	}
	return e.LUKS1Err == nil && e.ChoiceErr == nil && e.Choice.Copy.Metadata != nil && e.Choice.Healthy()
}

func absent(e inspect.Evidence) bool {
	_, err := inspect.Judge(e)
	return errors.Is(err, inspect.ErrNotLUKS)
}

// see turns a device's evidence into a sight. file may be read only.
func (g *Guard) see(d Device, file *luks.File, e inspect.Evidence) look {
	l := look{device: d}
	report, err := inspect.Judge(e)
	l.luks = err == nil && (!unreadable(e) || g.uuidAt(d.ID) != "")
	l.uuid = report.UUID
	if lost := farLeft(file, e); lost != nil {
		l.uuid, l.luks, l.lost = lost.Locator.UUID, true, lost
	}
	l.sight = verdict.Sight{
		Evidence: e, Report: report,
		Device: verdict.Device{Removable: d.Removable, ReadOnly: d.ReadOnly, Members: d.Members, Parts: d.Parts},
	}
	l.findMapping(e)
	if l.uuid == "" && l.mapped {
		l.uuid, l.luks = mappedVolume(l.mapping.UUID), true
	}
	if !l.luks {
		return l
	}
	l.policy = g.config().For(d.subject(l.uuid))
	if l.uuid == "" {
		return l
	}
	l.remember(g.store, file)
	if l.mapped {
		l.sight.Mapping = g.describeMapping(l)
	}
	l.lookFar(file)
	l.sight.Held = g.store.Held(l.uuid)
	l.sight.Often = g.often(l.uuid)
	l.sight.Clones = g.clones(d, l.uuid, file)
	return l
}

// unreadable: neither head can be read, so that nothing tells what lies there; as on a mapping whose disk was
// pulled out.
func unreadable(e inspect.Evidence) bool {
	return e.LUKS1 == nil && e.Heads.Primary.State == header.Unreadable && e.Heads.Secondary.State == header.Unreadable
}

// findMapping takes the mapping of the volume that lies here; where no head is left, that of any.
func (l *look) findMapping(e inspect.Evidence) {
	for _, m := range l.device.Mappings {
		volume := mappedVolume(m.UUID)
		if volume == "" || inOrder(e) && bare(volume) != bare(l.uuid) {
			continue
		}
		l.mapping, l.mapped = m, true
		if l.uuid != "" && bare(volume) != bare(l.uuid) {
			l.uuid = volume // the remains of something else do not say what is mapped
		}
		return
	}
}

func bare(uuid string) string { return strings.ToLower(strings.ReplaceAll(uuid, "-", "")) }

// mappedVolume is the UUID of the volume in "CRYPT-LUKS2-<uuid without dashes>-<name>", with its
// dashes; "" for mappings of other kinds.
func mappedVolume(uuid string) string {
	parts := strings.SplitN(uuid, "-", 4)
	if len(parts) < 4 || parts[1] != activate.LUKS1 && parts[1] != activate.LUKS2 || len(parts[2]) != 32 {
		return ""
	}
	u := parts[2]
	return u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:]
}

// remember adds what the store knows. The sums of keyslot areas are taken only where they decide.
func (l *look) remember(s store.Store, file *luks.File) {
	known, err := s.Load(l.uuid)
	if err != nil {
		return
	}
	l.known, l.hasHead = known, true
	l.sight.Known = &verdict.Known{UUID: known.UUID, SeqID: known.SeqID, Opens: known.Opens()}
	h := l.sight.Evidence.Heads
	if l.sight.Evidence.LUKS1 == nil && h.Primary.State != header.Valid && h.Secondary.State != header.Valid {
		l.sight.Known.Changed = known.Changed(file)
	}
}

// describeMapping holds the active table against the head.
func (g *Guard) describeMapping(l look) *verdict.Mapping {
	m := &verdict.Mapping{Name: l.mapping.Name, UUID: mappedVolume(l.mapping.UUID)}
	control, err := dm.Open()
	if err != nil {
		return m
	}
	defer control.Close()
	now, err := activate.Read(control, l.mapping.Name)
	if err != nil {
		return m
	}
	defer now.Close()
	crypt := now.Crypt
	m.Size = crypt.Length * 512
	m.Fits = l.hasHead && crypt.Offset*512 == l.known.DataOffset && crypt.Cipher == l.known.Cipher && crypt.Device == l.device.ID
	m.Key = now.Running() == nil && (crypt.Key.Ring == nil || activate.HoldsKey(l.uuid))
	l.measure(m, crypt)
	return m
}

// measure says how long the mapping could be, and whether it was whole when the device had the size
// that the store knows.
func (l *look) measure(m *verdict.Mapping, crypt *target.Crypt) {
	fixed, ok := l.dataSize()
	if !ok {
		return
	}
	sector := int(max(crypt.SectorSize, 512))
	length, err := activate.Length(l.device.Size, crypt.Offset*512, fixed, sector)
	if err != nil {
		return
	}
	m.Wanted = length * 512
	if l.hasHead {
		before, err := activate.Length(l.known.DeviceSize, crypt.Offset*512, l.known.DataSize, sector)
		m.Whole = err == nil && before == crypt.Length
	}
}

// dataSize is the fixed size of the data in bytes, 0 where it reaches to the device's end; false where
// the header does not say.
func (l *look) dataSize() (fixed uint64, ok bool) {
	e := l.sight.Evidence
	switch {
	case e.LUKS1 != nil:
		return 0, true
	case e.ChoiceErr != nil || e.Choice.Copy.Metadata == nil:
		return 0, false
	}
	size, dynamic := e.Choice.Copy.Metadata.DataSize()
	if dynamic {
		size = 0
	}
	return size, true
}

// capture is the head to be remembered. While a mapping has not followed its device, the size that it
// did follow stays known.
func (l *look) capture(file *luks.File, now time.Time) (store.Head, error) {
	h, err := store.Capture(file, l.sight.Evidence, l.policy.Store == policy.StoreFull, now)
	if m := l.sight.Mapping; err == nil && m != nil && l.hasHead && m.Whole && m.Wanted > m.Size {
		h.DeviceSize, h.DataSize = l.known.DeviceSize, l.known.DataSize
	}
	return h, err
}
