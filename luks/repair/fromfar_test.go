// SPDX-License-Identifier: Apache-2.0

package repair_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"slices"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/repair"
)

const mib = 1 << 20

// memory is a device whose image may be followed by nothing but zeros, up to its size.
type memory struct {
	image []byte
	size  int64
	bad   int64 // an unreadable 512-byte sector, -1 for none
}

func (m *memory) Size() int64 { return m.size }
func (m *memory) Sync() error { return nil }

func (m *memory) WriteAt(p []byte, off int64) (int, error) { return copy(m.image[off:], p), nil }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if m.bad >= 0 && off <= m.bad*512 && m.bad*512 < off+int64(len(p)) {
		return 0, syscall.EIO
	}
	if off+int64(len(p)) > m.size {
		return 0, io.EOF
	}
	clear(p)
	if off < int64(len(m.image)) {
		copy(p, m.image[off:])
	}
	return len(p), nil
}

func formatted(t *testing.T, uuid string) *memory {
	t.Helper()
	dev := &memory{make([]byte, 24*mib), 24 * mib, -1}
	_, err := luks.Format(context.Background(), dev, []byte("one"), luks.FormatOptions{
		Version: 2, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512, UUID: uuid, KeyslotsSize: mib, FarHeader: true,
		Keyslot: luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return dev
}

const uuid = "11111111-2222-4333-8444-555555555555"

func find(dev *memory, giveUp bool) (far.Found, int, error) {
	seen := map[uint64]bool{}
	f, err := repair.FindFar(context.Background(), dev, giveUp, func(f far.Found) { seen[f.Place.Locator] = true })
	return f, len(seen), err
}

func unlocks(t *testing.T, dev header.Device) {
	t.Helper()
	v, err := luks.Load(context.Background(), dev)
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Unlock(context.Background(), []byte("one"), luks.UnlockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	key.Close()
}

func TestLostHeadsComeBackFromTheFarHeaderOfADeviceThatGrew(t *testing.T) {
	for _, size := range []int64{24 * mib, 25*mib + 512, 3 << 30} {
		dev := formatted(t, uuid)
		clear(dev.image[:mib])
		dev.size = size
		f, _, err := find(dev, false)
		if err != nil {
			t.Fatalf("%d bytes: %v", size, err)
		}
		plan, brought, err := repair.FromFar(dev, f, false, rand.Reader)
		if err != nil || brought.Head.Header.UUID != uuid || len(brought.Damaged) != 0 {
			t.Fatalf("%d bytes: %+v, %v", size, brought, err)
		}
		if err := repair.Apply(dev, plan); err != nil {
			t.Fatal(err)
		}
		unlocks(t, dev)
	}
}

func TestFarHeaderNeverWinsOverAHeadThatMayBeValid(t *testing.T) {
	dev := formatted(t, uuid)
	if _, _, err := find(dev, true); !errors.Is(err, repair.ErrHeadValid) {
		t.Errorf("both valid: %v", err)
	}
	clear(dev.image[:4096])
	if _, _, err := find(dev, true); !errors.Is(err, repair.ErrHeadValid) {
		t.Errorf("one valid: %v", err)
	}
	dev.bad = 16384 / 512
	if _, _, err := find(dev, false); !errors.Is(err, header.ErrUnreadable) {
		t.Errorf("one cannot be read: %v", err)
	}
	f, _, err := find(dev, true)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := repair.FromFar(dev, f, false, rand.Reader); !errors.Is(err, header.ErrUnreadable) {
		t.Errorf("plan, one cannot be read: %v", err)
	}
}

func TestNewestOfSeveralFarHeadersWinsWithinOneVolume(t *testing.T) {
	dev := formatted(t, uuid)
	old := bytes.Clone(dev.image[20*mib:])
	v, err := luks.Load(context.Background(), dev)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.SetLabels(context.Background(), "newer", ""); err != nil {
		t.Fatal(err)
	}
	newer, _, err := find(&memory{append(make([]byte, mib), dev.image[mib:]...), dev.size, -1}, false)
	if err != nil {
		t.Fatal(err)
	}
	other := formatted(t, "99999999-2222-4333-8444-555555555555")
	cases := map[string]struct {
		at   func(locator far.Locator) []byte
		want error
	}{
		"an older one of its own": {func(l far.Locator) []byte { return moved(t, old, l) }, nil},
		"another volume's":        {func(l far.Locator) []byte { return moved(t, other.image[20*mib:], l) }, repair.ErrSeveral},
	}
	for name, c := range cases {
		lost := &memory{slices.Concat(make([]byte, mib), dev.image[mib:], c.at(newer.Locator)), 28 * mib, -1}
		f, seen, err := find(lost, false)
		if !errors.Is(err, c.want) || seen != 2 || err == nil && f.Place != newer.Place {
			t.Errorf("%s: %d seen, %+v, %v", name, seen, f.Place, err)
		}
	}
}

// moved is the tail of a device of 24 MiB with the far header in it made one for 4 MiB later.
func moved(t *testing.T, tail []byte, l far.Locator) []byte {
	t.Helper()
	dev := &memory{append(make([]byte, 20*mib), tail...), 24 * mib, -1}
	f := far.Look(dev, l.Place.Locator)
	next := f.Locator
	next.Place.Locator += 4 * mib
	next.Place.Body.Offset += 4 * mib
	next.DeviceSize += 4 * mib
	there := &memory{make([]byte, 28*mib), 28 * mib, -1}
	plan, err := commit.FarMaking(there, far.New(next.UUID, next.Place, next.Contents, next.DeviceSize), f.Body)
	if err != nil {
		t.Fatal(err)
	}
	if err := commit.Apply(there, plan); err != nil {
		t.Fatal(err)
	}
	return there.image[24*mib:]
}

func TestKeyslotThatIsDamagedInTheFarHeaderTooIsNotBroughtBack(t *testing.T) {
	dev := formatted(t, uuid)
	good := bytes.Clone(dev.image[32768 : 32768+258048])
	clear(dev.image[:32768])
	f, _, err := find(dev, false)
	if err != nil {
		t.Fatal(err)
	}
	dev.image[f.Place.Body.Offset+40000] ^= 1
	_, brought, err := repair.FromFar(dev, far.Look(dev, f.Place.Locator), false, rand.Reader)
	if err != nil || brought.Damaged != nil { // it is whole on the device, by the sum in the far header
		t.Fatalf("%+v, %v", brought, err)
	}
	dev.image[40001] ^= 1
	plan, brought, err := repair.FromFar(dev, far.Look(dev, f.Place.Locator), false, rand.Reader)
	if err != nil || !slices.Equal(brought.Damaged, []int{0}) {
		t.Fatalf("%+v, %v", brought, err)
	}
	dev.image[40001] ^= 1
	if err := repair.Apply(dev, plan); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(good, dev.image[32768:32768+258048]) {
		t.Error("damaged material was written over what was whole")
	}
	unlocks(t, dev)
}

// TestFarHeaderNeverWinsOverLUKS1: another tool made a LUKS1 volume over the heads, and left the far header.
func TestFarHeaderNeverWinsOverLUKS1(t *testing.T) {
	dev := formatted(t, uuid)
	end := bytes.Clone(dev.image[20*mib:])
	_, err := luks.Format(context.Background(), dev, []byte("new"), luks.FormatOptions{
		Version: 1, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512, UUID: "1" + uuid[1:],
		Keyslot: luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}},
	})
	if err != nil {
		t.Fatal(err)
	}
	copy(dev.image[20*mib:], end)
	f, _, err := find(dev, true)
	if !errors.Is(err, repair.ErrHeadValid) {
		t.Errorf("found %v, %v", f.State, err)
	}
	copy(dev.image[8:], "\x00\x00") // the cipher's name: no reader takes it, and mending it is for others
	if _, _, err := find(dev, false); !errors.Is(err, repair.ErrHeadValid) {
		t.Errorf("damaged: %v", err)
	}
	if _, _, err := find(dev, true); err != nil {
		t.Errorf("given up: %v", err)
	}
}
