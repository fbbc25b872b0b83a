// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/repair"
)

// limited refuses writes that end behind a byte, where that is not 0, as a file system does at the limit of a
// process, and tears the last of some number of writes.
type limited struct {
	*elastic
	limit int64
	read  int64 // bytes that were asked for
	// torn: after this many writes half of one is done, and the device is gone; -1 for never.
	torn int
}

func unlimited(dev *elastic) *limited { return &limited{elastic: dev, torn: -1} }

func (l *limited) ReadAt(p []byte, off int64) (int, error) {
	l.read += int64(len(p))
	return l.elastic.ReadAt(p, off)
}

func (l *limited) WriteAt(p []byte, off int64) (int, error) {
	if l.limit != 0 && off+int64(len(p)) > l.limit {
		return 0, syscall.EFBIG
	}
	if l.torn == 0 {
		l.torn, l.limit = -1, 1
		n, _ := l.elastic.WriteAt(p[:len(p)/2/512*512], off)
		return n, syscall.ENODEV
	}
	l.torn--
	return l.elastic.WriteAt(p, off)
}

// twoKeys is a volume with a far header, opened by "one" in keyslot 0 and "two" in keyslot 1.
func twoKeys(t *testing.T, size int64) (*limited, *luks.Volume) {
	t.Helper()
	dev, v := elasticVolume(t, size)
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
		t.Fatal(err)
	}
	l := unlimited(dev)
	return l, loaded(t, l)
}

// materialOf is what a keyslot's area holds.
func materialOf(t *testing.T, dev *limited, v *luks.Volume, id int) []byte {
	t.Helper()
	k, err := v.Keyslot(id)
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(dev.image[k.Area.Offset : k.Area.Offset+512])
}

func killTwo(v *luks.Volume) error { return v.KillKeyslot(ctx, 1, nil) }

func TestKeysDieThoughTheFarHeaderCannotBeWritten(t *testing.T) {
	begun := map[string]func(dev *limited, v *luks.Volume) error{
		"nothing": func(*limited, *luks.Volume) error { return nil },
		"disable": func(_ *limited, v *luks.Volume) error { return v.DisableFar(ctx) },
		"resize": func(_ *limited, v *luks.Volume) error {
			return v.SetMetadataSize(ctx, luks.MetadataSize{Header: 32 << 10, Keyslots: 224 << 10}, nil)
		},
		"grow": func(dev *limited, v *luks.Volume) error {
			dev.resize(12 * mib)
			return v.Grow(ctx, luks.GrowOptions{})
		},
		"sync": func(_ *limited, v *luks.Volume) error {
			_, err := v.SyncFar(ctx, nil, nil)
			return err
		},
	}
	for _, name := range []string{"nothing", "disable", "resize", "grow", "sync"} {
		for change, revoke := range map[string]func(t *testing.T, v *luks.Volume) error{
			"kill": func(_ *testing.T, v *luks.Volume) error { return killTwo(v) },
			"change": func(t *testing.T, v *luks.Volume) error {
				_, err := v.ChangeKey(ctx, unlock(t, v, "two"), []byte("three"), cheap)
				return err
			},
			"erase": func(_ *testing.T, v *luks.Volume) error { return errors.Join(v.EraseFar(ctx), v.Erase(ctx)) },
		} {
			t.Run(name+", "+change, func(t *testing.T) {
				dev, v := twoKeys(t, 8*mib)
				two, place := materialOf(t, dev, v, 1), farOf(t, v).Token.Far
				dev.limit = int64(place.Body.End())
				if err := begun[name](dev, v); err == nil && (name == "disable" || name == "resize" || name == "grow") {
					t.Fatal("the device took a write that it had to refuse")
				}
				v = loaded(t, dev)
				err := revoke(t, v)
				if !errors.Is(err, luks.ErrFarLeft) || !namesPlace(err, place) {
					t.Fatalf("%v", err)
				}
				v = loaded(t, dev)
				if _, err := v.Unlock(ctx, []byte("two"), anyID); err == nil {
					t.Error("the key lives")
				}
				concludeUnlimited(t, dev)
				if bytes.Contains(dev.image, two) {
					t.Error("its material is left")
				}
			})
		}
	}
}

// namesPlace tells whether each FarError in err is about that place.
func namesPlace(err error, p far.Place) bool {
	var left *luks.FarError
	joined, several := err.(interface{ Unwrap() []error })
	if !several {
		return err == nil || errors.As(err, &left) && left.Place.Locator == p.Locator
	}
	for _, e := range joined.Unwrap() {
		if _, is := e.(*luks.FarError); !is && errors.Is(e, luks.ErrFarLeft) && !namesPlace(e, p) {
			return false
		}
	}
	return errors.As(err, &left) && left.Place.Locator == p.Locator
}

// concludeUnlimited does what the next verb and far sync do once the device takes every write.
func concludeUnlimited(t *testing.T, dev *limited) {
	t.Helper()
	dev.limit = 0
	v := loaded(t, dev)
	if _, err := v.Resume(ctx, nil); err != nil {
		t.Fatalf("resuming: %v", err)
	}
	if f := farOf(t, v); f.Standing != far.InStep && f.Standing != far.None {
		if _, err := v.SyncFar(ctx, nil, nil); err != nil {
			t.Fatalf("sync: %v", err)
		}
	}
	if f := farOf(t, v); f.Standing != far.InStep && f.Standing != far.None || len(f.Forgotten) > 0 {
		t.Errorf("%v: %v", f.Standing, f.Why)
	}
}

func TestAFarHeaderThatCouldNotBeMadeLeavesKeysRevocable(t *testing.T) {
	dev, v := twoKeys(t, 8*mib)
	place := farOf(t, v).Token.Far
	if err := v.DisableFar(ctx); err != nil {
		t.Fatal(err)
	}
	dev.limit = int64(place.Body.End())
	if _, err := v.EnableFar(ctx, luks.Room{}); !errors.Is(err, syscall.EFBIG) {
		t.Fatalf("%v", err)
	}
	v = loaded(t, dev)
	two := materialOf(t, dev, v, 1)
	if err := killTwo(v); err != nil {
		t.Errorf("%v", err)
	}
	concludeUnlimited(t, dev)
	if bytes.Contains(dev.image, two) {
		t.Error("the material is left")
	}
}

func TestNothingElseIsChangedWhileATransactionWaits(t *testing.T) {
	dev, v := twoKeys(t, 16*mib)
	dev.resize(24 * mib)
	dev.limit = 16 * mib
	if err := v.Grow(ctx, luks.GrowOptions{}); err == nil {
		t.Fatal("it grew")
	}
	if err := v.SetLabels(ctx, "x", ""); !errors.Is(err, far.ErrUnderWay) {
		t.Errorf("a label: %v", err)
	}
	if err := v.SetUUID(ctx, "99999999-2222-4333-8444-555555555555"); !errors.Is(err, far.ErrUnderWay) {
		t.Errorf("a uuid: %v", err)
	}
	if err := killTwo(v); !errors.Is(err, luks.ErrFarLeft) {
		t.Errorf("a kill: %v", err)
	}
}

func TestAVolumeWhoseFarHeaderOnlyGoesCanBeChanged(t *testing.T) {
	dev, v := twoKeys(t, 16*mib)
	dev.limit = int64(farOf(t, v).Token.Far.Body.End())
	if err := v.DisableFar(ctx); !errors.Is(err, luks.ErrFarLeft) {
		t.Fatalf("disable: %v", err)
	}
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("three"), cheap); err != nil ||
		!errors.Is(v.FarLag, far.ErrUnderWay) {
		t.Errorf("%v, lag %v", err, v.FarLag)
	}
	if err := v.SetUUID(ctx, "99999999-2222-4333-8444-555555555555"); !errors.Is(err, far.ErrUnderWay) {
		t.Errorf("a uuid: %v", err)
	}
	concludeUnlimited(t, dev)
	unlock(t, loaded(t, dev), "three")
}

// forget takes the token away as another tool does.
func forget(t *testing.T, dev *limited) *luks.Volume {
	t.Helper()
	v := loaded(t, dev)
	next := v.Choice.Copy
	next.Metadata = next.Metadata.Clone()
	if err := far.Remove(next.Metadata); err != nil {
		t.Fatal(err)
	}
	plan, err := header.PlanUpdate(v.Heads, v.Choice, next, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, w := range plan.Writes {
		copy(dev.image[w.Offset:], w.Bytes)
	}
	return loaded(t, dev)
}

func TestARevocationWipesAForgottenFarHeader(t *testing.T) {
	for _, size := range []int64{16 * mib, 24*mib + 512} {
		for name, revoke := range map[string]func(v *luks.Volume) error{
			"kill": killTwo,
			"change": func(v *luks.Volume) error {
				_, err := v.ChangeKey(ctx, unlock(t, v, "two"), []byte("three"), cheap)
				return err
			},
			"erase": func(v *luks.Volume) error { return v.Erase(ctx) },
		} {
			dev, v := twoKeys(t, 16*mib)
			two, place := materialOf(t, dev, v, 1), farOf(t, v).Token.Far
			v = forget(t, dev)
			dev.resize(size)
			if f := farOf(t, v); len(f.Forgotten) != 1 || f.Forgotten[0].Place != place {
				t.Fatalf("%s: forgotten %v", name, f.Forgotten)
			}
			if err := v.SetLabels(ctx, "x", ""); err != nil || len(farOf(t, v).Forgotten) != 1 {
				t.Errorf("%s: a label: %v", name, err)
			}
			if err := revoke(v); err != nil {
				t.Errorf("%s: %v", name, err)
			}
			if bytes.Contains(dev.image, two) || len(farOf(t, v).Forgotten) != 0 {
				t.Errorf("%s on %d bytes: the key is left in the forgotten far header", name, size)
			}
		}
	}
}

func TestARevocationNamesAForgottenFarHeaderThatStays(t *testing.T) {
	for name, spoil := range map[string]func(dev *limited, v *luks.Volume, p far.Place) *luks.Volume{
		"not writable": func(dev *limited, v *luks.Volume, p far.Place) *luks.Volume {
			dev.limit = int64(p.Body.Offset)
			return v
		},
		"mapped": func(dev *limited, v *luks.Volume, p far.Place) *luks.Volume {
			dev.live = append(dev.live, p.Body)
			return v
		},
		"overwritten where the keyslot lay": func(dev *limited, v *luks.Volume, p far.Place) *luks.Volume {
			dev.image[p.Body.Offset+v.Keyslots[1].Area.Offset+5] ^= 1
			return v
		},
		"newer than the heads": func(dev *limited, v *luks.Volume, p far.Place) *luks.Volume {
			return v
		},
	} {
		dev, v := twoKeys(t, 16*mib)
		place, heads := farOf(t, v).Token.Far, slices.Clone(dev.image[:32<<10])
		if name == "newer than the heads" {
			for range 4 {
				if err := v.SetLabels(ctx, "x", ""); err != nil {
					t.Fatal(err)
				}
			}
			copy(dev.image, heads)
		}
		v = spoil(dev, forget(t, dev), place)
		var left *luks.FarError
		if err := killTwo(v); !errors.As(err, &left) || left.Place != place || !slices.Equal(left.Keyslots, []int{1}) {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := v.Keyslot(1); err == nil {
			t.Errorf("%s: the keyslot lives", name)
		}
	}
}

// TestTheLookForForgottenCopiesIsCheap compares what a kill reads with what it reads of the volume itself.
func TestTheLookForForgottenCopiesIsCheap(t *testing.T) {
	dev, v := twoKeys(t, 16*mib)
	if err := v.DisableFar(ctx); err != nil {
		t.Fatal(err)
	}
	before := dev.read
	if e := far.Gather(dev, v.Choice.Copy); len(e.Others) != 1 || e.Others[0].State != far.Absent {
		t.Fatalf("%+v", e.Others)
	}
	if read := dev.read - before; read > 2*far.SlotSize {
		t.Errorf("%d bytes were read", read)
	}
}

// loseHeads puts noise over the heads and keyslots, and brings them back from a far header.
func loseHeads(t *testing.T, dev *limited) *luks.Volume {
	t.Helper()
	if _, err := rand.Read(dev.image[:288<<10]); err != nil {
		t.Fatal(err)
	}
	f, err := repair.FindFar(ctx, dev, false, func(far.Found) {})
	if err != nil {
		t.Fatal(err)
	}
	plan, brought, err := repair.FromFar(dev, f, false, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if len(brought.Damaged) > 0 {
		t.Errorf("keyslots %v are damaged in the far header", brought.Damaged)
	}
	if err := repair.Apply(dev, plan); err != nil {
		t.Fatal(err)
	}
	v := loaded(t, dev)
	if _, err := v.Resume(ctx, nil); err != nil {
		t.Errorf("resuming: %v", err)
	}
	if _, err := v.SyncFar(ctx, nil, nil); err != nil {
		t.Errorf("sync: %v", err)
	}
	return v
}

// TestHeadsLostAmidAGrowthComeBackForGood tears a growth at each of its writes, loses the heads, and brings them
// back from what there is: whatever that was, changes of keys reach the far header from then on.
func TestHeadsLostAmidAGrowthComeBackForGood(t *testing.T) {
	for _, shrink := range []bool{false, true} {
		for writes := range 60 {
			if shrink && writes%4 != 1 { // the same steps, to another place
				continue
			}
			dev, v := twoKeys(t, 12*mib)
			if !shrink {
				dev.resize(16 * mib)
			}
			dev.torn = writes
			err := follow(dev, v, shrink)
			if dev.torn, dev.limit = -1, 0; err == nil {
				break
			}
			what := fmt.Sprintf("shrink %v, %d writes", shrink, writes)
			v = loseHeads(t, dev)
			f := farOf(t, v)
			if f.Standing != far.InStep {
				t.Errorf("%s: %v, %v", what, f.Standing, f.Why)
			}
			one := unlock(t, v, "one")
			if _, err := v.AddKey(ctx, one, []byte("three"), cheap); err != nil || v.FarLag != nil {
				t.Errorf("%s: adding a key: %v, lag %v", what, err, v.FarLag)
			}
			if err := killTwo(v); err != nil {
				t.Errorf("%s: killing one: %v", what, err)
			}
			v = loseHeads(t, dev)
			unlock(t, v, "three")
			if _, err := v.Unlock(ctx, []byte("two"), anyID); err == nil {
				t.Errorf("%s: the revoked key is back", what)
			}
			if err := follow(dev, v, shrink); err != nil {
				t.Errorf("%s: once more: %v", what, err)
			}
		}
	}
}

// TestAFarHeaderThatIsHalfMadeDoesNotOutliveTheWholeOne brings heads back from one whose keyslots were not yet
// written when a growth was cut off, as no repair does by itself.
func TestAFarHeaderThatIsHalfMadeDoesNotOutliveTheWholeOne(t *testing.T) {
	dev, v := twoKeys(t, 8*mib)
	dev.resize(16 * mib)
	place, err := far.PlaceAt(16*mib, far.Length(v.Choice.Copy))
	if err != nil {
		t.Fatal(err)
	}
	dev.torn = 5 // heads, locator, and half of the body
	if err := v.Grow(ctx, luks.GrowOptions{}); err == nil {
		t.Fatal("it grew")
	}
	dev.torn, dev.limit = -1, 0
	clear(dev.image[:288<<10])
	half := far.Look(dev, place.Locator)
	if !half.Unfinished() {
		t.Fatal("it is wholly made")
	}
	plan, brought, err := repair.FromFar(dev, half, false, rand.Reader)
	if err != nil || len(brought.Damaged) == 0 {
		t.Fatalf("%v, damaged %v", err, brought.Damaged)
	}
	if err := repair.Apply(dev, plan); err != nil {
		t.Fatal(err)
	}
	v = loaded(t, dev)
	if _, err := v.Resume(ctx, nil); err != nil {
		t.Fatal(err)
	}
	f := farOf(t, v)
	if f.Standing != far.InStep || len(f.Damaged) == 0 {
		t.Fatalf("%v, %v, damaged %v", f.Standing, f.Why, f.Damaged)
	}
	mend, err := repair.Make(dev, repair.KeepNone, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mend.MendKeyslots(f.Recorded, v.Choice.Copy, f.Damaged)
	if err := repair.Apply(dev, mend); err != nil {
		t.Fatal(err)
	}
	unlock(t, loaded(t, dev), "one")
	unlock(t, loaded(t, dev), "two")
}

// follow lets the volume grow to its device, or makes room for a smaller one.
func follow(dev luks.Device, v *luks.Volume, shrink bool) error {
	if !shrink {
		if uint64(dev.Size()) == tokenDevice(v) {
			return nil
		}
		return v.Grow(ctx, luks.GrowOptions{})
	}
	if t, _, _, err := far.Find(v.Metadata()); err != nil || t.Phase == far.AwaitingCut {
		return err
	}
	return v.Shrink(ctx, luks.ShrinkOptions{Size: 8 * mib, End: mib})
}

func tokenDevice(v *luks.Volume) uint64 {
	t, _, found, err := far.Find(v.Metadata())
	if err != nil || !found || t.Phase != far.Stable {
		return 0
	}
	return t.DeviceSize
}

// renamedByAnother gives the volume another uuid as a tool does that knows nothing of far headers.
func renamedByAnother(t *testing.T, dev *limited) {
	t.Helper()
	v := loaded(t, dev)
	if _, err := v.Heal(ctx, false); err != nil {
		t.Fatal(err)
	}
	next := v.Choice.Copy
	next.Header.UUID = "5d3b1a3c-8a4e-4d0e-9a53-0d9c0f5f0c11"
	next.Header.SeqID++
	for place := range uint64(2) {
		next.Header.Offset = place * next.Header.Size
		p, err := luks2.Encode(next)
		if err != nil {
			t.Fatal(err)
		}
		copy(dev.image[next.Header.Offset:], p)
	}
}

// TestARevocationFindsFarHeadersUnderAnotherUUID cuts a change of place off at each write, and has another tool
// change the uuid then.
func TestARevocationFindsFarHeadersUnderAnotherUUID(t *testing.T) {
	for _, c := range []struct {
		name string
		do   func(dev *limited, v *luks.Volume) error
	}{
		{"in order", func(*limited, *luks.Volume) error { return syscall.ENODEV }},
		{"grow", func(dev *limited, v *luks.Volume) error { dev.resize(16 * mib); return follow(dev, v, false) }},
		{"shrink", func(dev *limited, v *luks.Volume) error { return follow(dev, v, true) }},
		{"disable", func(_ *limited, v *luks.Volume) error { return v.DisableFar(ctx) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			for n := 0; ; n++ {
				dev, v := twoKeys(t, 12*mib)
				material := materialOf(t, dev, v, 1)
				if got := bytes.Count(dev.image, material); got != 2 {
					t.Fatalf("the material is there %d times, want 2", got)
				}
				dev.torn = n
				if err := c.do(dev, v); err == nil {
					return
				}
				dev.torn, dev.limit = -1, 0
				renamedByAnother(t, dev)
				v = loaded(t, dev)
				if _, err := v.Resume(ctx, nil); err != nil {
					t.Fatalf("write %d: resuming: %v", n, err)
				}
				if err := killTwo(v); err != nil {
					t.Errorf("write %d: %v", n, err)
				}
				if got := bytes.Count(dev.image, material); got != 0 {
					t.Errorf("write %d: the material is still there %d times", n, got)
				}
				unlock(t, loaded(t, dev), "one")
				if c.name == "in order" {
					return
				}
			}
		})
	}
}

// A removal that was cut off behind the material is no damage: nothing brings the keyslot back from the far header.
func TestWhatWasBeingRemovedIsNotMended(t *testing.T) {
	seen := false
	for writes := range 40 {
		dev, v := twoKeys(t, 8*mib)
		slot, err := v.Keyslot(1)
		if err != nil {
			t.Fatal(err)
		}
		area := luks2.Extent{Offset: slot.Area.Offset, Size: slot.Area.Size}
		material := slices.Clone(dev.image[area.Offset:area.End()])
		dev.torn = writes
		done := killTwo(v)
		dev = unlimited(dev.elastic)
		v = loaded(t, dev)
		if _, err := v.Heal(ctx, false); err != nil {
			t.Fatal(err)
		}
		_, err = v.Keyslot(1)
		if gone := !bytes.Equal(material, dev.image[area.Offset:area.End()]); err == nil && gone {
			seen = true
			if f := farOf(t, v); slices.Contains(f.Damaged, 1) {
				t.Errorf("%d writes: keyslot 1 counts as damaged", writes)
			}
			if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("three"), cheap); err != nil || v.FarLag != nil {
				t.Errorf("%d writes: %v, %v", writes, err, v.FarLag)
			}
			if bytes.Contains(dev.image, material) {
				t.Errorf("%d writes: the far header has it after another change", writes)
			}
		}
		if done == nil {
			break
		}
	}
	if !seen {
		t.Error("no removal was cut off between the material and the heads")
	}
}

// A device that lost a few sectors behind its far header shows it to whoever looks.
func TestAFarHeaderIsFoundOnADeviceThatBecameShorter(t *testing.T) {
	const size = 8 * mib
	for _, cut := range []int64{0, 512, 4096, 65536, mib/2 - 4096} {
		dev, v := twoKeys(t, size)
		dev.resize(size - cut)
		place := far.AtEnd(dev).Place
		if f := farOf(t, v); place != f.Token.Far || f.Standing != far.InStep {
			t.Errorf("%d bytes less: %+v at the end, %v", cut, place, f.Standing)
		}
		loseHeads(t, dev)
	}
}

// Heads from before the far header, and a device that lost a few sectors: what is left of a revoked key is named.
func TestAForgottenFarHeaderOnAShorterDeviceIsNamed(t *testing.T) {
	dev, v := twoKeys(t, 8*mib)
	place := farOf(t, v).Token.Far
	if err := v.DisableFar(ctx); err != nil {
		t.Fatal(err)
	}
	before := slices.Clone(dev.image[:32<<10])
	if _, err := v.EnableFar(ctx, luks.Room{}); err != nil {
		t.Fatal(err)
	}
	copy(dev.image, before)
	dev.resize(8*mib - 4096)
	var left *luks.FarError
	if err := killTwo(loaded(t, dev)); !errors.As(err, &left) || left.Place != place {
		t.Errorf("%v", err)
	}
}

func examined(t *testing.T, dev luks.Device) *luks.Volume {
	t.Helper()
	v, err := luks.LoadExamined(ctx, dev)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// A removal that was cut off leaves a keyslot that is named and dead: the other one is the last.
func TestADeadKeyslotIsNoOtherKey(t *testing.T) {
	for _, version := range []int{1, 2} {
		dev := &elastic{memory: memory{image: make([]byte, 8*mib)}}
		o := options(version)
		v, err := luks.Format(ctx, dev, []byte("one"), o)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
			t.Fatal(err)
		}
		before := examined(t, dev)
		slot, err := before.Keyslot(0)
		if err != nil || before.Last(slot) {
			t.Errorf("LUKS%d: keyslot 0 of two is the last, %v", version, err)
		}
		cut := unlimited(dev)
		cut.torn = 1
		if err := killTwo(loaded(t, cut)); !errors.Is(err, syscall.ENODEV) {
			t.Fatal(err)
		}
		if before.Last(slot) {
			t.Errorf("LUKS%d: what another program destroys changes what was asked before", version)
		}
		if err := before.KillKeyslot(ctx, 0, nil); !errors.Is(err, luks.ErrLastKey) {
			t.Errorf("LUKS%d: killing the last one, of which nobody was asked: %v", version, err)
		}
		after := examined(t, dev)
		unlock(t, after, "one")
		if slot, err = after.Keyslot(0); err != nil || !after.Last(slot) {
			t.Errorf("LUKS%d: keyslot 0 beside a dead one is not the last, %v", version, err)
		}
	}
}

// changing lets another program go on once the header has been read and before the lock is had.
type changing struct {
	*memory
	meanwhile func()
}

func (c *changing) LockMetadata(context.Context, bool) (func() error, error) {
	if c.meanwhile != nil {
		c.meanwhile()
		c.meanwhile = nil
	}
	return func() error { return nil }, nil
}

// Who waited for the lock while the other keyslot went has said yes to nothing.
func TestWhatWentWhileTheLockWasWaitedForIsNotAgreedTo(t *testing.T) {
	for _, version := range []int{1, 2} {
		dev := &memory{image: make([]byte, 8*mib)}
		v, err := luks.Format(ctx, dev, []byte("one"), options(version))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
			t.Fatal(err)
		}
		late := examined(t, &changing{dev, func() {
			if err := loaded(t, dev).KillKeyslot(ctx, 1, nil); err != nil {
				t.Error(err)
			}
		}})
		slot, err := late.Keyslot(0)
		if err != nil || late.Last(slot) {
			t.Errorf("LUKS%d: the keyslot that is left counts as agreed to, %v", version, err)
		}
		if err := late.KillKeyslot(ctx, 0, nil); !errors.Is(err, luks.ErrLastKey) {
			t.Errorf("LUKS%d: %v", version, err)
		}
		if now := examined(t, dev); !now.Last(now.Keyslots[0]) {
			t.Errorf("LUKS%d: who comes later is not asked", version)
		}
	}
}
