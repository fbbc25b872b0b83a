// SPDX-License-Identifier: Apache-2.0

package restore_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/restore"
)

// partly is an image some bytes of which cannot be read.
type partly struct {
	image []byte
	bad   luks2.Extent
}

var errBad = errors.New("a bad sector")

func (p partly) ReadAt(b []byte, off int64) (int, error) {
	if p.bad.Overlaps(luks2.Extent{Offset: uint64(off), Size: uint64(len(b))}) {
		return 0, errBad
	}
	return bytes.NewReader(p.image).ReadAt(b, off)
}

// secret is the key material that belongs to a salt: what a passphrase opens.
func secret(salt byte, length int) []byte {
	return bytes.Repeat([]byte(fmt.Sprintf("material of salt %03d", salt)), length/20+1)[:length]
}

const size1 = 96 << 10

// image1 encodes a header and puts the material of each keyslot in its place.
func image1(t rapid.TB, h luks1.Header) []byte {
	image := make([]byte, size1)
	raw, err := h.Encode()
	if err != nil {
		t.Fatal(err)
	}
	copy(image, raw)
	for _, id := range h.EnabledKeyslots() {
		offset, length := h.Material(id)
		copy(image[offset:], secret(h.Keyslots[id].Salt[0], int(length)))
	}
	return image
}

// opening1 lists the salts whose material lies where the header on the device says.
func opening1(t rapid.TB, image []byte) []byte {
	h, err := luks1.Decode(image)
	if err != nil {
		t.Fatal(err)
	}
	var salts []byte
	for _, id := range h.EnabledKeyslots() {
		offset, length := h.Material(id)
		if salt := h.Keyslots[id].Salt[0]; bytes.Equal(image[offset:offset+length], secret(salt, int(length))) {
			salts = append(salts, salt)
		}
	}
	return salts
}

func all(of, among []byte) bool {
	return !slices.ContainsFunc(of, func(b byte) bool { return !bytes.Contains(among, []byte{b}) })
}

func header1(t rapid.TB) luks1.Header {
	parts, err := luks1.NewLayout(1, luks1.Placement{Payload: 128})
	if err != nil {
		t.Fatal(err)
	}
	return parts.Apply(luks1.Header{
		CipherName: "aes", CipherMode: "xts-plain64", HashSpec: "sha256", KeyBytes: 1, DigestIterations: 1000,
	})
}

func saltOf(b byte) [luks1.SaltSize]byte { return [luks1.SaltSize]byte{b} }

// draw1 draws a device and a backup. Keyslots are in one of them, in both alike, or in both and different.
func draw1(t *rapid.T) (dev, backup []byte, now, next luks1.Header) {
	now, next = header1(t), header1(t)
	var damaged, remaining []int
	for id := range now.Keyslots {
		mine, theirs := saltOf(byte(10+id)), saltOf(byte(20+id))
		switch rapid.IntRange(0, 6).Draw(t, "keyslot") {
		case 0:
			now = now.WithKeyslot(id, 1000, mine)
		case 1:
			next = next.WithKeyslot(id, 1000, theirs)
		case 2:
			now, next = now.WithKeyslot(id, 1000, mine), next.WithKeyslot(id, 1000, mine)
		case 3:
			now, next = now.WithKeyslot(id, 1000, mine), next.WithKeyslot(id, 1000, mine)
			damaged = append(damaged, id)
		case 4:
			now, next = now.WithKeyslot(id, 1000, mine), next.WithKeyslot(id, 1000, theirs)
		case 5:
			remaining = append(remaining, id)
		}
	}
	dev, backup = image1(t, now), image1(t, next)
	for _, id := range damaged {
		offset, _ := now.Material(id)
		dev[offset+100] ^= 1
	}
	for _, id := range remaining {
		offset, length := now.Material(id)
		copy(dev[offset:offset+length], secret(byte(30+id), int(length)))
	}
	return dev, backup, now, next
}

// carryOut1 makes the changes on the image, and calls look after each write, an area being written in two halves.
func carryOut1(t rapid.TB, image []byte, changes []commit.Change1, look func()) {
	write := func(list []commit.Area) {
		for _, a := range list {
			half := len(a.Bytes) / 2
			copy(image[a.Offset:], a.Bytes[:half])
			look()
			copy(image[a.Offset:], a.Bytes)
			look()
		}
	}
	for _, c := range changes {
		write(c.Before)
		sectors, err := luks1.Changes(image, c.Next)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range sectors {
			copy(image[s.Offset:], s.Data)
			look()
		}
		write(c.After)
	}
}

func TestAtEachInstantTheOldOrTheNewPassphrasesOpenLUKS1(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		dev, backup, now, next := draw1(t)
		before, want := opening1(t, dev), opening1(t, backup)
		changes, err := restore.LUKS1(bytes.NewReader(dev), now, bytes.NewReader(backup), next, next)
		differ, free := 0, 0
		for id := range now.Keyslots {
			switch in, out := now.Keyslots[id].Enabled(), next.Keyslots[id].Enabled(); {
			case !in && !out:
				free++
			case in && out && !bytes.Contains(before, []byte{next.Keyslots[id].Salt[0]}):
				differ++
			}
		}
		if differ > free {
			if !errors.Is(err, luks2.ErrNoRoom) || !strings.Contains(err.Error(), "no keyslot is free") {
				t.Fatalf("%d keyslots differ, %d are free: %v", differ, free, err)
			}
			return
		}
		if err != nil {
			t.Fatal(err)
		}
		allowed1(t, now, changes)
		image := bytes.Clone(dev)
		carryOut1(t, image, changes, func() {
			if open := opening1(t, image); !all(before, open) && !all(want, open) {
				t.Fatalf("opens %v; at first %v, in the backup %v", open, before, want)
			}
		})
		restored1(t, image, dev, backup, next)
	})
}

// allowed1: the door lets every write pass.
func allowed1(t *rapid.T, now luks1.Header, changes []commit.Change1) {
	for _, c := range changes {
		for _, a := range c.Before {
			if err := layout.Before1(now, c.Next, size1, a.Extent()); err != nil {
				t.Fatal(err)
			}
		}
		for _, a := range c.After {
			if err := layout.After1(c.Next, size1, a.Extent()); err != nil {
				t.Fatal(err)
			}
		}
		now = c.Next
	}
}

// restored1: header and material are the backup's, what no keyslot names is neither the old nor a passing one, and
// the data are as they were.
func restored1(t *rapid.T, image, dev, backup []byte, next luks1.Header) {
	if h, err := luks1.Decode(image); err != nil || h != next {
		t.Fatalf("%+v, %v", h, err)
	}
	data := int(next.PayloadOffset) * 512
	if !bytes.Equal(image[data:], dev[data:]) {
		t.Fatal("the data changed")
	}
	for id, k := range next.Keyslots {
		offset, length := next.Material(id)
		got := image[offset : offset+length]
		if k.Enabled() {
			if !bytes.Equal(got, backup[offset:offset+length]) {
				t.Fatalf("keyslot %d has other material", id)
			}
			continue
		}
		if bytes.Contains(got, []byte("material of salt")) {
			t.Fatalf("material remains in keyslot %d", id)
		}
	}
}

func TestALUKS1VolumeThatIsAsItsBackupIsLeftAlone(t *testing.T) {
	h := header1(t).WithKeyslot(0, 1000, saltOf(1)).WithKeyslot(6, 1000, saltOf(2))
	image := image1(t, h)
	changes, err := restore.LUKS1(bytes.NewReader(image), h, bytes.NewReader(image), h, h)
	if err != nil || len(changes) != 1 || len(changes[0].Before)+len(changes[0].After) != 0 || changes[0].Next != h {
		t.Errorf("%+v, %v", changes, err)
	}
}

func TestALUKS1KeyslotThatCannotBeReadIsRestored(t *testing.T) {
	h := header1(t).WithKeyslot(0, 1000, saltOf(1))
	image := image1(t, h)
	offset, length := h.Material(0)
	bad := luks2.Extent{Offset: uint64(offset), Size: uint64(length)}
	changes, err := restore.LUKS1(partly{image, bad}, h, bytes.NewReader(image), h, h)
	if err != nil || len(changes) != 2 || len(changes[0].Before) != 1 || changes[1].Before[0].Extent() != bad {
		t.Errorf("%+v, %v", changes, err)
	}
	// A free keyslot that cannot be read may hold anything.
	other, length := h.Material(3)
	bad.Offset = uint64(other)
	changes, err = restore.LUKS1(partly{image, bad}, h, bytes.NewReader(image), h, h)
	if err != nil || len(changes) != 1 || len(changes[0].After) != 1 || changes[0].After[0].Extent() != bad ||
		length == 0 {
		t.Errorf("%+v, %v", changes, err)
	}
}

func TestABackupThatCannotBeReadRestoresNothing(t *testing.T) {
	h := header1(t).WithKeyslot(2, 1000, saltOf(1))
	image := image1(t, h)
	offset, length := h.Material(2)
	for name, backup := range map[string]io.ReaderAt{
		"bad":   partly{image, luks2.Extent{Offset: uint64(offset + length - 1), Size: 1}},
		"short": bytes.NewReader(image[:offset+length-1]),
	} {
		changes, err := restore.LUKS1(bytes.NewReader(image), h, backup, h, h)
		if len(changes) != 0 || err == nil || !strings.HasPrefix(err.Error(), "keyslot 2: ") {
			t.Errorf("%s: %v, %v", name, changes, err)
		}
	}
}

// The entry in the header counts as well as the material: in sector or sectors of its own it cannot change in place.
func TestALUKS1KeyslotWithAnotherEntryIsMadeAnew(t *testing.T) {
	for _, id := range []int{0, 6} {
		now := header1(t).WithKeyslot(id, 1000, saltOf(1))
		next := header1(t).WithKeyslot(id, 2000, saltOf(1))
		next.Keyslots[id].Salt[20] = 9
		image, backup := image1(t, now), image1(t, next)
		changes, err := restore.LUKS1(bytes.NewReader(image), now, bytes.NewReader(backup), next, next)
		if err != nil || len(changes) != 2 || changes[0].Next.Keyslots[id].Enabled() {
			t.Fatalf("keyslot %d: %d changes, %v", id, len(changes), err)
		}
		carryOut1(t, image, changes, func() {
			if len(opening1(t, image)) == 0 {
				t.Errorf("keyslot %d: nothing opens", id)
			}
		})
		if h, err := luks1.Decode(image); err != nil || h != next {
			t.Errorf("keyslot %d: %v", id, err)
		}
	}
}

// Zeros would tell freed areas from used ones.
func TestWhatIsWipedLooksLikeWhatIsNot(t *testing.T) {
	now, next := header1(t).WithKeyslot(4, 1000, saltOf(1)), header1(t)
	image := image1(t, now)
	changes, err := restore.LUKS1(bytes.NewReader(image), now, bytes.NewReader(image1(t, next)), next, next)
	if err != nil || len(changes) != 1 || len(changes[0].After) != 1 {
		t.Fatalf("%+v, %v", changes, err)
	}
	wipe := changes[0].After[0].Bytes
	counts := map[byte]int{}
	for _, b := range wipe {
		counts[b]++
	}
	if len(wipe) != 4096 || len(counts) < 200 {
		t.Errorf("%d bytes of %d values", len(wipe), len(counts))
	}
}

func TestMoreThanAnyHeaderNamesIsNotWiped(t *testing.T) {
	now := luks1.Header{KeyBytes: 1 << 16}
	next := now
	for id := range now.Keyslots {
		now = now.WithKeyslot(id, 1000, saltOf(1))
	}
	var room *luks2.RoomError
	_, err := restore.LUKS1(bytes.NewReader(nil), now, bytes.NewReader(nil), next, next)
	if !errors.As(err, &room) || room.Needed != 4000<<16 || room.Available != luks2.MaxKeyslotsSize {
		t.Errorf("%v", err)
	}
}
