// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
)

func said(v *Volume) string {
	if v == nil {
		return "nothing"
	}
	return v.Verdict + ": " + strings.Join(v.Findings, "; ") + "; would " + v.Would + ", but " + strings.Join(v.Because, "; ")
}

// Whichever link leads to an image, it is the one in which a volume was seen.
func TestALinkToAKnownImageIsThatImage(t *testing.T) {
	for name, link := range map[string]func(from, to string) error{"symbolic": os.Symlink, "hard": os.Link} {
		b := newBench(t, "")
		path, contents := b.image("a", "luks2-unbound")
		uuid := b.look(path).UUID
		b.put(path, damaged(contents, 0, 2*headSize))
		other := filepath.Join(b.dir, "link")
		if err := link(path, other); err != nil {
			t.Fatal(err)
		}
		if v := b.LookThrough(t.Context(), other); v == nil || v.UUID != uuid || v.Verdict != "lost" {
			t.Errorf("%s: %v", name, said(v))
		}
	}
}

// Who asks for one device hears of a far header that does not lie at the end any more, though nothing is known of it.
func TestAFarHeaderOfAnUnknownDeviceThatGrewIsFoundWhenAsked(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	bad := append(damaged(contents, 0, 2*headSize), make([]byte, 8<<20)...)
	b.put(path, bad)
	v := b.LookThrough(t.Context(), path)
	if v == nil || v.Verdict != "lost" || !strings.Contains(said(v), "a whole far header is at byte") || v.Did != "" {
		t.Errorf("%v", said(v))
	}
	b.holds(path, bad)
}

// An impostor that was looked at elsewhere, and is gone, says nothing of the volume: not of its heads, nor of its next state.
func TestAnImpostorElsewhereDoesNotForbidTheRepair(t *testing.T) {
	for _, change := range []bool{false, true} {
		b := newBench(t, "repair = proven")
		path, contents := b.farImage("a")
		uuid := b.look(path).UUID
		b.remove(path)
		other, _ := b.impostor("b", "luks2-serpent", uuid)
		b.look(other)
		b.remove(other)
		if change { // while nobody looks
			b.put(path, contents)
			b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
			for range 2 {
				if v := b.look(path); strings.Contains(said(v), "accept") {
					t.Errorf("%v", said(v))
				}
			}
			var err error
			if contents, err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		b.put(path, damaged(contents, 0, 2*headSize))
		if v := b.look(path); !strings.Contains(v.Did, "far header") {
			t.Errorf("changed %v: %v", change, said(v))
		}
		b.sameVolume(path, contents)
	}
}

// One that was put in the place of the volume does.
func TestAnImpostorInThePlaceOfAVolumeForbidsTheRepair(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	uuid := b.look(path).UUID
	b.remove(path)
	_, theirs := b.impostor("b", "luks2-serpent", uuid)
	b.put(path, theirs)
	b.look(path)
	bad := damaged(contents, 0, 2*headSize)
	b.put(path, bad)
	if v := b.look(path); v.Did != "" || !strings.Contains(said(v), "seen last under this UUID has another volume key") {
		t.Errorf("%v", said(v))
	}
	b.holds(path, bad)
}

// A head is not copied that is from before a state which was seen under another UUID.
func TestAHeadFromBeforeAnotherUUIDIsNotCopied(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	b.change(path, func(file *luks.File) error {
		v, err := luks.Load(t.Context(), file)
		if err == nil {
			err = v.SetUUID(t.Context(), otherUUID)
		}
		return err
	})
	if v := b.look(path); v.UUID != otherUUID {
		t.Fatal(said(v))
	}
	bad := bytes.Clone(contents)
	bad[headSize+4096+7]++ // what is left of the second head agrees with the first
	b.put(path, bad)
	if v := b.look(path); v.Did != "" || !strings.Contains(said(v), "a newer state of the volume was seen under UUID "+otherUUID) {
		t.Errorf("%v", said(v))
	}
	b.holds(path, bad)
}

// After a key was revoked, and all that was kept destroyed, a look at what is left says so.
func TestAVolumeWhoseMemoryWasRevokedIsLost(t *testing.T) {
	b := newBench(t, "")
	path, contents := b.image("a", "luks2-unbound")
	l := b.look(path)
	m, err := b.store.Load(l.UUID)
	if err != nil {
		t.Fatal(err)
	}
	tip, _ := m.Chain.Tip()
	files, err := b.store.Revives(t.Context(), tip.Mark)
	if err != nil || b.store.Shred(files...) != nil {
		t.Fatal(err)
	}
	b.put(path, damaged(contents, 0, 2*headSize))
	if v := b.LookThrough(t.Context(), path); v == nil || v.UUID != l.UUID || v.Verdict != "lost" ||
		!strings.Contains(said(v), "nothing is kept") {
		t.Errorf("%v", said(v))
	}
	if err := b.store.Drop(l.UUID); err != nil {
		t.Fatal(err)
	}
	if v := b.LookThrough(t.Context(), path); v != nil {
		t.Errorf("forgotten: %v", said(v))
	}
}

// A keyslot of which nothing is left was erased, maybe: the heads may have been put back since.
func TestAKeyslotOfWhichNothingIsLeftDoesNotComeBack(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	b.look(path)
	bad := bytes.Clone(contents)
	for i := 2 * headSize; i < 1<<20; i++ {
		bad[i] ^= 0x5a
	}
	b.put(path, bad)
	if v := b.look(path); v.Did != "" || !strings.Contains(said(v), "as after an erase") {
		t.Errorf("%v", said(v))
	}
	b.holds(path, bad)
}

// What was seen while the store took nothing outdates what is kept: a key that was killed then does not come back, not
// even after another start of the guard.
func TestWhatCouldNotBeRememberedOutdatesWhatIsKept(t *testing.T) {
	for _, restart := range []bool{false, true} {
		b := newBench(t, "repair = proven")
		path, contents := b.farImage("a")
		uuid := b.look(path).UUID
		b.block(uuid)
		b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
		b.settings.Load().Default.Repair = "off" // the far header stays behind
		b.look(path)
		b.settings.Load().Default.Repair = "proven"
		b.unblock(uuid)
		if restart {
			b.forgot = map[string]string{}
		}
		bad := damaged(contents, 0, 2*headSize)
		b.put(path, bad)
		v := b.look(path)
		why := "could not be remembered"
		if restart {
			why = "not the state that was last seen: older"
		}
		if v.Did != "" || !strings.Contains(said(v), why) {
			t.Errorf("restart %v: %v", restart, said(v))
		}
		b.holds(path, bad)
	}
}

// block has the store take no new chain of a volume, as where it is full.
func (b *bench) block(uuid string) {
	b.t.Helper()
	if err := os.Mkdir(filepath.Join(b.dir, "state", "guard", uuid, "chain.new"), 0o700); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) unblock(uuid string) {
	b.t.Helper()
	if err := os.Remove(filepath.Join(b.dir, "state", "guard", uuid, "chain.new")); err != nil {
		b.t.Fatal(err)
	}
}

// The lasting name of a loop device has the file and where in it the device begins.
func TestLoopDevicesOfOneFileHaveNamesOfTheirOwn(t *testing.T) {
	names := map[string]bool{}
	for _, offset := range []string{"0", "1048576", "2097152"} {
		dir := t.TempDir()
		if err := os.Mkdir(filepath.Join(dir, "loop"), 0o700); err != nil {
			t.Fatal(err)
		}
		for name, text := range map[string]string{"backing_file": "/images/disk\n", "offset": offset + "\n"} {
			if err := os.WriteFile(filepath.Join(dir, "loop", name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		names[Device{ID: "7:0"}.name(dir, dir, "")] = true
	}
	if len(names) != 3 {
		t.Errorf("%v", names)
	}
}

// beside copies an image, has the copy looked at, and gives its path.
func (b *bench) beside(path string) string {
	b.t.Helper()
	contents, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	other := path + ".copy"
	b.put(other, contents)
	b.look(other)
	return other
}

// A copy that was looked at, and is gone, takes nothing of what was seen on the volume's own device: neither a newer
// state nor where it lay.
func TestACopyThatWasLookedAtTakesNothingBack(t *testing.T) {
	for _, before := range []bool{false, true} {
		b := newBench(t, "repair = off")
		path, contents := b.farImage("a")
		b.look(path)
		if before {
			b.remove(b.beside(path))
		}
		other := b.beside(path)
		b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
		if v := b.look(path); !strings.Contains(said(v), "the same UUID is on "+other) {
			t.Fatal(said(v))
		}
		b.remove(other)
		b.settings.Load().Default.Repair = "proven"
		bad := damaged(contents, 0, 2*headSize)
		b.put(path, bad)
		if v := b.look(path); v.Did != "" || !strings.Contains(said(v), "seen last on this device") {
			t.Errorf("a copy before %v: %v", before, said(v))
		}
		b.holds(path, bad)
	}
}

// A state that was seen anywhere outdates an older one of the same volume key, wherever it is by now.
func TestAnImageThatWasRenamedKeepsItsHistory(t *testing.T) {
	b := newBench(t, "repair = off")
	path, contents := b.farImage("a")
	b.look(path)
	other := b.beside(path)
	b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
	b.look(path)
	b.remove(path)
	b.remove(other)
	b.settings.Load().Default.Repair = "proven"
	bad := damaged(contents, 0, 2*headSize)
	renamed := filepath.Join(b.dir, "renamed")
	b.put(renamed, bad)
	if v := b.look(renamed); v == nil || v.Did != "" || !strings.Contains(said(v), "a newer state of the volume was seen") {
		t.Errorf("%v", said(v))
	}
	b.holds(renamed, bad)
}

func TestWhereACopyWasIsNotWhereTheVolumeLay(t *testing.T) {
	b := newBench(t, "")
	path, contents := b.image("a", "luks2-unbound")
	uuid := b.look(path).UUID
	b.remove(b.beside(path))
	b.put(path, damaged(contents, 0, 2*headSize))
	if v := b.LookThrough(t.Context(), path); v == nil || v.UUID != uuid || v.Verdict != "lost" {
		t.Errorf("%v", said(v))
	}
}

// A head is not copied that is from before a state which was seen here, though nothing of that was kept, nor one that is
// older than the far header.
func TestAHeadFromBeforeWhatWasSeenHereIsNotCopied(t *testing.T) {
	for name, change := range map[string]func(b *bench, path string){
		"store = off": func(b *bench, path string) {
			b.settings.Load().Default.Repair, b.settings.Load().Default.Store = "off", "off"
			b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
			b.look(path)
			b.settings.Load().Default.Repair, b.settings.Load().Default.Store = "proven", "full"
		},
		"another volume key": func(b *bench, path string) {
			_, theirs := b.impostor("b", "luks2-serpent", b.look(path).UUID)
			b.put(path, theirs)
			b.look(path)
		},
		"a newer far header": func(b *bench, path string) {
			b.change(path, func(file *luks.File) error {
				v, err := luks.Load(t.Context(), file)
				if err == nil {
					err = v.SetLabels(t.Context(), "later", "guarded")
				}
				return err
			})
		},
	} {
		b := newBench(t, "repair = proven")
		path, contents := b.farImage("a")
		b.look(path)
		change(b, path)
		now, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		bad := damaged(now, 0, headSize)
		copy(bad[headSize:2*headSize], contents[headSize:2*headSize])
		b.put(path, bad)
		for range 3 {
			if v := b.look(path); v.Did != "" || !strings.Contains(said(v), "newer") && !strings.Contains(said(v), "since then") {
				t.Errorf("%s: %v", name, said(v))
			}
			b.holds(path, bad)
		}
	}
}

// A guard that is killed before it has remembered a state as that of the volume has remembered that it was there.
func TestWhatWasSeenOnADeviceIsRememberedFirst(t *testing.T) {
	b := newBench(t, "repair = off")
	path, contents := b.farImage("a")
	chain := filepath.Join(b.dir, "state", "guard", b.look(path).UUID, "chain")
	before, err := os.ReadFile(chain)
	if err != nil {
		t.Fatal(err)
	}
	b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
	b.look(path)
	b.put(chain, before)
	b.settings.Load().Default.Repair = "proven"
	bad := damaged(contents, 0, 2*headSize)
	b.put(path, bad)
	if v := b.look(path); v.Did != "" || !strings.Contains(said(v), "seen last on this device") {
		t.Errorf("%v", said(v))
	}
	b.holds(path, bad)
}

func TestPartsOfAFileOverlapOrDoNot(t *testing.T) {
	whole := part{1, 2, 0, math.MaxUint64}
	for _, c := range []struct {
		a, b part
		want bool
	}{
		{whole, part{1, 2, 1 << 20, 2 << 20}, true},
		{part{1, 2, 0, 1 << 20}, part{1, 2, 1 << 20, math.MaxUint64}, false},
		{part{1, 2, 0, 1<<20 + 1}, part{1, 2, 1 << 20, math.MaxUint64}, true},
		{whole, part{1, 3, 0, math.MaxUint64}, false},
		{whole, part{2, 2, 0, math.MaxUint64}, false},
	} {
		if c.a.overlaps(c.b) != c.want || c.b.overlaps(c.a) != c.want {
			t.Errorf("%+v and %+v: want %v", c.a, c.b, c.want)
		}
	}
}

// A far header that is newer than a restored state says nothing against it once a person has said that it counts.
func TestARestoredStateThatWasAcceptedIsMended(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	b.look(path)
	b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
	b.look(path)
	now, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	copy(now, contents[:2*headSize]) // as a header backup that is restored by a program which knows no far header
	for _, accepted := range []bool{false, true} {
		b.put(path, now)
		b.look(path)
		if accepted {
			if _, err := b.Accept(t.Context(), path); err != nil {
				t.Fatal(err)
			}
		}
		b.put(path, damaged(now, 0, headSize))
		if v := b.look(path); strings.Contains(v.Did, "primary header written") != accepted {
			t.Errorf("accepted %v: %v", accepted, said(v))
		}
	}
	b.sameVolume(path, now)
}

// A clone that a person has accepted takes nothing of what was seen on the volume's own device from that.
func TestAnAcceptedCloneBringsNothingOlderBackElsewhere(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	clone := filepath.Join(b.dir, "c.img")
	b.put(clone, contents)
	b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
	b.look(path)
	if _, err := b.Accept(t.Context(), clone); err != nil {
		t.Fatal(err)
	}
	b.put(clone, damaged(contents, 0, headSize))
	if v := b.look(clone); strings.Contains(said(v), "seen under UUID") {
		t.Errorf("what a person accepted is outdated: %v", said(v))
	}
	b.remove(clone)
	bad := damaged(contents, 0, headSize)
	b.put(path, bad)
	for range 2 {
		if v := b.look(path); v.Did != "" || !strings.Contains(said(v), "seen last on this device") {
			t.Errorf("%v", said(v))
		}
		b.holds(path, bad)
	}
}

// Of a volume that is gone, and under whose UUID nothing is kept, what is kept under another one is named.
func TestWhatIsKeptUnderAnotherUUIDIsNamed(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, _ := b.image("a", "luks2-unbound")
	uuid := b.look(path).UUID
	known, err := b.store.Load(uuid)
	if err != nil {
		t.Fatal(err)
	}
	tip, _ := known.Chain.Tip()
	if as := b.store.KeptAs(tip.Mark); as != "" {
		t.Errorf("kept as %q under its own UUID", as)
	}
	renamed := tip.Mark
	renamed.UUID = otherUUID
	if as := b.store.KeptAs(renamed); as != uuid {
		t.Errorf("kept as %q, want %s", as, uuid)
	}
	list := (&look{gone: true, keptAs: uuid}).goneFindings()
	if text := strings.Join(list, "; "); strings.Contains(text, "destroyed") || !strings.Contains(text, uuid) {
		t.Error(text)
	}
}

// What a person has accepted is outdated by no state that was seen under another UUID before.
func TestAnAcceptedStateIsMendedAfterAnotherUUID(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	b.change(path, func(file *luks.File) error {
		v, err := luks.Load(t.Context(), file)
		if err == nil {
			err = v.SetUUID(t.Context(), otherUUID)
		}
		return err
	})
	b.look(path)
	b.put(path, contents)
	b.look(path)
	if _, err := b.Accept(t.Context(), path); err != nil {
		t.Fatal(err)
	}
	b.put(path, damaged(contents, 0, headSize))
	if v := b.look(path); !strings.Contains(v.Did, "primary header written") {
		t.Errorf("%v", said(v))
	}
	b.sameVolume(path, contents)
}

// Magics that are all that is left of something else keep the heads from being written over it.
func TestMagicsAloneForbidTheRepair(t *testing.T) {
	for name, put := range map[string]func(p []byte){
		"exfat":     func(p []byte) { copy(p[3:], "EXFAT   ") },
		"oracleasm": func(p []byte) { copy(p[32:], "ORCLDISK") },
		"gpt":       func(p []byte) { copy(p[len(p)-512:], backupTable(len(p)/512)) },
	} {
		b := newBench(t, "repair = proven")
		path, contents := b.farImage("a")
		b.look(path)
		bad := damaged(contents, 0, 2*headSize)
		put(bad)
		b.put(path, bad)
		if v := b.look(path); v.Did != "" || !strings.Contains(said(v), name) {
			t.Errorf("%s: %v", name, said(v))
		}
		b.holds(path, bad)
	}
}

// backupTable is the header in the last of so many sectors of a partition table without partitions (UEFI 2.10, 5.3.2).
func backupTable(sectors int) []byte {
	p := make([]byte, 512)
	le := binary.LittleEndian
	copy(p, "EFI PART\x00\x00\x01\x00\x5c\x00\x00\x00")
	le.PutUint64(p[24:], uint64(sectors-1))
	le.PutUint64(p[32:], 1)
	le.PutUint64(p[40:], 34)
	le.PutUint64(p[48:], uint64(sectors-34))
	le.PutUint64(p[72:], uint64(sectors-33))
	le.PutUint32(p[80:], 128)
	le.PutUint32(p[84:], 128)
	le.PutUint32(p[88:], crc32.ChecksumIEEE(make([]byte, 128*128)))
	le.PutUint32(p[16:], crc32.ChecksumIEEE(p[:92]))
	return p
}
