// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"errors"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/dm/uuid"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/luks2"
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
	bears   bool   // something of LUKS is there
	chain   identity.Chain
	known   store.Head
	hasHead bool
	mapping block.Holder
	mapped  bool
	lost    *far.Found // the far header of a device without a head
	far     luks.FarHeader
	loaded  *luks.Volume // with a head: as it is on the device
	gone    bool         // nothing of LUKS is there, and a volume was
	keptAs  string       // another UUID under which a volume that is gone is kept
	former  *far.Found   // the far header of another UUID than the one seen last on the device, which has no head
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

// right tells of heads in order whether they may be what ought to be there: their segments can be on the device, and
// some keyslot opens them. A far header that lags behind and one hurt keyslot of several change nothing about that.
func right(r inspect.Report) bool { return len(r.Misfits()) == 0 && r.Grade() != inspect.Lost }

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
	last := ""
	if headless(e) {
		last = g.lastOn(d, file)
		if !uuid.Valid(l.uuid) { // what is left of a damaged head
			l.uuid = ""
		}
	}
	switch lost := farLeft(file, e, last, g.asked); {
	case lost == nil:
	case last == "" || last == lost.Locator.UUID:
		l.uuid, l.luks, l.lost = lost.Locator.UUID, true, lost
	default: // the volume that lay here before, or this one under the UUID that it had
		l.former = lost
	}
	l.sight = verdict.Sight{
		Evidence: e, Report: report, Mark: markOf(e), Cleared: clearedTable(file), Remains: remainsTell(file, e),
		Users: d.users(), Device: verdict.Device{
			Key: d.Key, Removable: d.Removable, ReadOnly: d.ReadOnly, Members: d.Members, Parts: d.Parts,
		},
	}
	l.findMapping(e)
	l.bears = l.luks
	if l.uuid == "" && l.mapped {
		l.uuid, l.luks = verdict.VolumeOf(l.mapping.UUID), true
	}
	if l.uuid == "" && last != "" && !unreadable(e) {
		l.uuid, l.gone, l.luks = last, !l.luks, true
	}
	l.sight.UUID = l.uuid
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
		l.luks = l.bears || !l.sight.Mapping.Detached
	}
	l.lookFar(g.store, file)
	if tip, seen := l.chain.Tip(); seen {
		l.sight.Upper = g.machine.standsOn(d, tip.Device, 0)
	}
	if last, seen := g.store.Sighted(d.Key); seen {
		l.sight.Last = &last
		if l.gone {
			l.keptAs = g.store.KeptAs(last)
		}
	}
	l.sight.Held = g.store.Held(l.uuid)
	l.sight.Forgot = g.forgotten(l.uuid)
	l.sight.Often = g.often(l.uuid)
	l.sight.Clones = g.clones(d, l.uuid, file)
	return l
}

// lastOn is the volume that was seen last on the device; "" for none, or where another device bears it now.
func (g *Guard) lastOn(d Device, file *luks.File) string {
	last := g.store.LastOn(d.Key)
	m, seen := g.store.Sighted(d.Key)
	if last != "" || !seen || len(g.clones(d, m.UUID, file)) > 0 {
		return last
	}
	known, err := g.store.Load(m.UUID)
	if tip, _ := known.Chain.Tip(); err != nil || !there(tip.Device) {
		return m.UUID
	}
	return ""
}

// there tells whether the device of that lasting name, or the image, is there.
func there(key string) bool {
	path := PathOf(key)
	_, err := os.Stat(path)
	return path != "" && err == nil
}

// headless: no copy of a head is valid.
func headless(e inspect.Evidence) bool {
	h := e.Heads
	return e.LUKS1 == nil && h.Primary.State != header.Valid && h.Secondary.State != header.Valid
}

// unreadable: neither head can be read, so that nothing tells what lies there; as on a mapping whose disk was
// pulled out.
func unreadable(e inspect.Evidence) bool {
	return e.LUKS1 == nil && e.Heads.Primary.State == header.Unreadable && e.Heads.Secondary.State == header.Unreadable
}

// findMapping takes the mapping of the volume that lies here; where no head is left, that of any.
func (l *look) findMapping(e inspect.Evidence) {
	for _, m := range l.device.Mappings {
		volume := verdict.VolumeOf(m.UUID)
		if volume == "" || inOrder(e) && verdict.Bare(volume) != verdict.Bare(l.uuid) {
			continue
		}
		l.mapping, l.mapped = m, true
		if l.uuid != "" && verdict.Bare(volume) != verdict.Bare(l.uuid) {
			l.uuid = volume // the remains of something else do not say what is mapped
		}
		return
	}
}

// markOf is the state that the copy which speaks for the volume is in; nil where none is valid.
func markOf(e inspect.Evidence) *identity.Mark {
	switch {
	case e.LUKS1 != nil:
		m := identity.Of1(*e.LUKS1)
		return &m
	case e.LUKS1Err != nil || e.ChoiceErr != nil || e.Choice.Copy.Metadata == nil:
		return nil
	}
	m := identity.Of2(e.Choice.Copy)
	return &m
}

// clearedTable tells of a GPT that lacks its magic alone: somebody has partitioned the disk, and wipefs took that back.
func clearedTable(file *luks.File) bool {
	const revision, size = "\x00\x00\x01\x00", "\x5c\x00\x00\x00" // UEFI 2.10, 5.3.2
	p := make([]byte, 16)
	_, err := file.ReadAt(p, 512)
	return err == nil && string(p) == strings.Repeat("\x00", 8)+revision+size
}

// reencryptWord is in the metadata of every volume that is being reencrypted.
var reencryptWord = []byte("online-reencrypt")

// remainsTell looks for it in the places of both heads, where one of them is not valid: what cannot be
// decoded any more still tells why not to write.
func remainsTell(file *luks.File, e inspect.Evidence) bool {
	if e.LUKS1 != nil || e.LUKS1Err != nil || inOrder(e) {
		return false
	}
	size := uint64(luks2.MinSize)
	if m := e.Choice.Copy; m.Metadata != nil {
		size = m.Header.Size
	}
	p := make([]byte, min(2*size, e.Size))
	n, _ := file.ReadAt(p, 0)
	return bytes.Contains(p[:max(n, 0)], reencryptWord)
}

// remember adds what the store knows. The sums of keyslot areas are taken only where they decide.
func (l *look) remember(s store.Store, file *luks.File) {
	m, err := s.Load(l.uuid)
	if err != nil {
		return
	}
	l.known, l.hasHead, l.chain = m.Head, m.Kept, m.Chain
	l.sight.Known = &verdict.Known{Chain: m.Chain, Kept: m.Kept, Opens: m.Head.Opens()}
	h := l.sight.Evidence.Heads
	if m.Kept && l.sight.Evidence.LUKS1 == nil && h.Primary.State != header.Valid && h.Secondary.State != header.Valid {
		l.sight.Known.Changed = m.Head.Changed(file)
	}
}

// noRoom is an offset of the data, bytes, below which no heads fit before it.
const noRoom = 2 * luks2.MinSize

// detached tells whether the header of a mapping lies elsewhere: there is no room for it here, it was seen
// there while the data was mapped, or it is there now.
func (g *Guard) detached(l look, offset uint64) bool {
	if l.bears {
		return false
	}
	others := slices.DeleteFunc(g.bearers(l.uuid), func(v *Volume) bool { return v.id == l.device.ID })
	return offset < noRoom || l.hasHead && l.known.Elsewhere || len(others) > 0
}

// describeMapping holds the active table against the head.
func (g *Guard) describeMapping(l look) *verdict.Mapping {
	m := &verdict.Mapping{Name: l.mapping.Name, UUID: verdict.VolumeOf(l.mapping.UUID)}
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
	m.Detached = g.detached(l, crypt.Offset*512)
	m.Fits = l.hasHead && crypt.Offset*512 == l.known.DataOffset && crypt.Cipher == l.known.Cipher &&
		crypt.Device == l.device.ID
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
func (g *Guard) capture(l look, file *luks.File, now time.Time) (store.Head, error) {
	h, err := store.Capture(file, l.sight.Evidence, l.policy.Store == policy.StoreFull, now)
	h.Elsewhere = !l.mapped && g.mapped(l.uuid) || l.hasHead && l.known.Elsewhere && !l.mapped
	if m := l.sight.Mapping; err == nil && m != nil && l.hasHead && !m.Followed() {
		h.DeviceSize, h.DataSize = l.known.DeviceSize, l.known.DataSize
	}
	return h, err
}
