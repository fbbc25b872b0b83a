// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// memory is a device in memory that counts what is written.
type memory struct {
	image  []byte
	writes int
}

func (m *memory) Size() int64 { return int64(len(m.image)) }
func (m *memory) Sync() error { return nil }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	if off >= m.Size() {
		return 0, io.EOF
	}
	n := copy(p, m.image[off:])
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.writes++
	if off+int64(len(p)) > m.Size() {
		return 0, io.ErrShortWrite
	}
	return copy(m.image[off:], p), nil
}

var (
	ctx   = context.Background()
	anyID = luks.UnlockOptions{}
	cheap = luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}}
)

func options(version int) luks.FormatOptions {
	return luks.FormatOptions{
		Version: version, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512,
		UUID: "11111111-2222-4333-8444-555555555555", KeyslotsSize: 2 << 20, Keyslot: cheap,
	}
}

func formatted(t *testing.T, version int) (*memory, *luks.Volume) {
	t.Helper()
	dev := &memory{image: bytes.Repeat([]byte{0xee}, 6<<20)}
	v, err := luks.Format(ctx, dev, []byte("one"), options(version))
	if err != nil {
		t.Fatal(err)
	}
	return dev, v
}

func unlock(t *testing.T, v *luks.Volume, passphrase string) *luks.Key {
	t.Helper()
	key, err := v.Unlock(ctx, []byte(passphrase), anyID)
	if err != nil {
		t.Fatalf("passphrase %q: %v", passphrase, err)
	}
	t.Cleanup(func() { key.Close() })
	return key
}

// opens tells whether a fresh load of the device unlocks, and fails on any other outcome than yes
// and no.
func opens(t *testing.T, dev luks.Device, passphrase string) bool {
	t.Helper()
	v, err := luks.Load(ctx, dev)
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Unlock(ctx, []byte(passphrase), anyID)
	if err == nil {
		key.Close()
		return true
	}
	if !errors.Is(err, luks.ErrPassphrase) && !errors.Is(err, luks.ErrNoUsableKeyslot) {
		t.Fatal(err)
	}
	return false
}

func versions(t *testing.T, run func(t *testing.T, version int)) {
	for _, version := range []int{1, 2} {
		t.Run(fmt.Sprintf("LUKS%d", version), func(t *testing.T) { run(t, version) })
	}
}

func TestRecordedVolumesUnlockAsRecorded(t *testing.T) {
	for _, m := range vectors.All() {
		t.Run(m.Name, func(t *testing.T) {
			image, _ := vectors.Open(m.Name)
			dev := &memory{image: image}
			v, err := luks.Load(ctx, dev)
			if err != nil {
				t.Fatal(err)
			}
			for passphrase, want := range map[string]int{vectors.K0: m.K0, vectors.K1: m.K1} {
				key, err := v.Unlock(ctx, []byte(passphrase), anyID)
				if (err == nil) != (want == vectors.Unlocks) {
					t.Errorf("%q: %v, recorded %d", passphrase, err, want)
				}
				if err == nil && !key.Equal(m.VolumeKey) {
					t.Errorf("%q: another volume key", passphrase)
				}
				key.Close()
			}
			if int64(v.Data.Offset) != m.DataOffset || v.Data.SectorSize != m.SectorSize || v.Data.Cipher != m.Encryption || v.Data.KeySize != len(m.VolumeKey) {
				t.Errorf("data: %+v", v.Data)
			}
			if dev.writes != 0 {
				t.Error("loading or unlocking wrote")
			}
		})
	}
}

func TestFormatAddChangeKill(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		dev, v := formatted(t, version)
		key := unlock(t, v, "one")
		second, err := v.AddKey(ctx, key, []byte("two"), cheap)
		if err != nil || second != 1 {
			t.Fatalf("second keyslot %d, %v", second, err)
		}
		if !opens(t, dev, "one") || !opens(t, dev, "two") || opens(t, dev, "three") {
			t.Fatal("after adding")
		}
		if _, err := v.ChangeKey(ctx, unlock(t, v, "two"), []byte("three"), cheap); err != nil {
			t.Fatal(err)
		}
		if !opens(t, dev, "one") || opens(t, dev, "two") || !opens(t, dev, "three") {
			t.Fatal("after changing")
		}
		if err := v.KillKeyslot(ctx, 0, nil); err != nil {
			t.Fatal(err)
		}
		if opens(t, dev, "one") || !opens(t, dev, "three") {
			t.Fatal("after killing")
		}
		if err := v.KillKeyslot(ctx, 0, nil); !errors.Is(err, luks.ErrKeyslotInactive) {
			t.Errorf("killing again: %v", err)
		}
		if v.BoundKeyslots() != 1 {
			t.Errorf("%d keyslots left", v.BoundKeyslots())
		}
	})
}

func TestAKeyslotWithoutAPriorityIsTriedLikeAnyOther(t *testing.T) {
	dev, o := &memory{image: make([]byte, 6<<20)}, options(2)
	o.Keyslot = luks.NewKeyslot{KDF: cheap.KDF}
	v, err := luks.Format(ctx, dev, []byte("one"), o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), o.Keyslot); err != nil {
		t.Fatal(err)
	}
	if !opens(t, dev, "one") || !opens(t, dev, "two") {
		t.Error("a key that was acknowledged is not tried")
	}
	if text := v.Metadata().Text(); bytes.Contains(text, []byte("priority")) {
		t.Errorf("a priority was written that nobody asked for: %s", text)
	}
}

func TestTheVolumeKeyOpensByItself(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		_, v := formatted(t, version)
		key := unlock(t, v, "one")
		given, err := secret.Copy(key.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		verified, err := v.VerifyKey(ctx, given)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.AddKey(ctx, verified, []byte("by key"), cheap); err != nil {
			t.Fatal(err)
		}
		unlock(t, v, "by key")
		wrong, err := secret.New(64)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.VerifyKey(ctx, wrong); !errors.Is(err, luks.ErrVolumeKey) {
			t.Errorf("wrong key: %v", err)
		}
	})
}

// Heads of 4 MiB have their second one beyond all that a smaller header wipes.
func TestFormatLeavesNoSecondaryHeadOfLongerOnes(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		for _, detached := range []bool{false, true} {
			long, short := options(2), options(version)
			long.MetadataSize, long.DataOffset = 4<<20, 12<<20
			short.Detached, short.DataOffset, short.DataSize = detached, 3<<20, 16<<20
			dev := &memory{image: make([]byte, 16<<20)}
			for _, o := range []luks.FormatOptions{long, short} {
				if _, err := luks.Format(ctx, dev, []byte("one"), o); err != nil {
					t.Fatal(err)
				}
			}
			if bytes.Contains(dev.image[4<<20:], []byte(luks2.SecondaryMagic)) {
				t.Errorf("detached %v: an old secondary head is left", detached)
			}
			if !opens(t, dev, "one") {
				t.Errorf("detached %v: the new volume does not open", detached)
			}
		}
	})
}

func TestFormatRefusesBeforeItWrites(t *testing.T) {
	cases := []struct {
		name   string
		change func(*luks.FormatOptions)
	}{
		{"unknown version", func(o *luks.FormatOptions) { o.Version = 3 }},
		{"unknown hash", func(o *luks.FormatOptions) { o.Hash = "md4" }},
		{"sector size 1000", func(o *luks.FormatOptions) { o.SectorSize = 1000 }},
		{"metadata size of no class", func(o *luks.FormatOptions) { o.MetadataSize = 20000 }},
		{"keyslots area unaligned", func(o *luks.FormatOptions) { o.KeyslotsSize = 1 << 20 / 3 }},
		{"keyslots area for no keyslot", func(o *luks.FormatOptions) { o.KeyslotsSize = 4096 }},
		{"data inside the metadata", func(o *luks.FormatOptions) { o.DataOffset = 1 << 20 }},
		{"data behind the device", func(o *luks.FormatOptions) { o.DataOffset = 8 << 20 }},
		{"data offset unaligned", func(o *luks.FormatOptions) { o.DataOffset = 4<<20 + 100 }},
		{"metadata larger than the device", func(o *luks.FormatOptions) { o.KeyslotsSize = 8 << 20 }},
		{"label too long", func(o *luks.FormatOptions) { o.Label = string(make([]byte, 48)) }},
		{"KDF of no cost", func(o *luks.FormatOptions) { o.Keyslot.KDF.Iterations = 0 }},
		{"unknown KDF", func(o *luks.FormatOptions) { o.Keyslot.KDF.Type = "scrypt" }},
		{"thirty-third keyslot", func(o *luks.FormatOptions) { o.Keyslot.ID = luks.At(32) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			dev := &memory{image: make([]byte, 6<<20)}
			o := options(2)
			c.change(&o)
			if _, err := luks.Format(ctx, dev, []byte("one"), o); err == nil {
				t.Error("accepted")
			}
			if dev.writes != 0 {
				t.Errorf("%d writes", dev.writes)
			}
		})
	}
}

func TestChangesKeepWhatOthersCommitted(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		dev, mine := formatted(t, version)
		theirs, err := luks.Load(ctx, dev)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := theirs.AddKey(ctx, unlock(t, theirs, "one"), []byte("theirs"), cheap); err != nil {
			t.Fatal(err)
		}
		if id, err := mine.AddKey(ctx, unlock(t, mine, "one"), []byte("mine"), cheap); err != nil || id != 2 {
			t.Fatalf("keyslot %d, %v", id, err)
		}
		if !opens(t, dev, "theirs") || !opens(t, dev, "mine") {
			t.Error("a key got lost")
		}
	})
}

func TestAnotherVolumeOnTheDeviceIsNotChanged(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		dev, v := formatted(t, version)
		key := unlock(t, v, "one")
		o := options(version)
		o.UUID = "99999999-2222-4333-8444-555555555555"
		if _, err := luks.Format(ctx, dev, []byte("new"), o); err != nil {
			t.Fatal(err)
		}
		writes := dev.writes
		if _, err := v.AddKey(ctx, key, []byte("two"), cheap); !errors.Is(err, luks.ErrAnotherVolume) {
			t.Errorf("error %v", err)
		}
		if dev.writes != writes {
			t.Error("written to")
		}
	})
}

func TestUnmetRequirementsForbidChangesButNotUnlocking(t *testing.T) {
	dev, v := formatted(t, 2)
	next := v.Choice.Copy
	text := bytes.Replace(next.Metadata.Text(), []byte(`"config":{`), []byte(`"config":{"requirements":{"mandatory":["future"]},`), 1)
	var err error
	if next.Metadata, err = luks2.ParseMetadata(text); err != nil {
		t.Fatal(err)
	}
	plan, err := header.PlanUpdate(v.Heads, v.Choice, next, zeros{})
	if err != nil {
		t.Fatal(err)
	}
	if err := commit.Apply(dev, commit.Mending(nil, plan)); err != nil {
		t.Fatal(err)
	}
	if v, err = luks.Load(ctx, dev); err != nil {
		t.Fatal(err)
	}
	key := unlock(t, v, "one")
	if _, err := v.AddKey(ctx, key, []byte("two"), cheap); !errors.Is(err, luks2.ErrRequirements) {
		t.Errorf("adding a key: %v", err)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

func TestUnboundKeyslotsOpenOnlyWhenAskedFor(t *testing.T) {
	_, v := formatted(t, 2)
	n := cheap
	n.ID = luks.At(9)
	if _, err := v.AddUnboundKey(ctx, bytes.Repeat([]byte{5}, 16), []byte("side"), n); err != nil {
		t.Fatal(err)
	}
	if _, err := v.Unlock(ctx, []byte("side"), anyID); !errors.Is(err, luks.ErrPassphrase) {
		t.Errorf("without asking: %v", err)
	}
	if _, err := v.Unlock(ctx, []byte("side"), luks.UnlockOptions{Keyslot: luks.At(9)}); !errors.Is(err, luks.ErrNoUsableKeyslot) {
		t.Errorf("named only: %v", err)
	}
	key, err := v.Unlock(ctx, []byte("side"), luks.UnlockOptions{Keyslot: luks.At(9), Unbound: true})
	if err != nil || key.Keyslot != 9 || key.Len() != 16 {
		t.Fatalf("asked for: %v", err)
	}
	key.Close()
	if v.BoundKeyslots() != 1 {
		t.Errorf("%d bound keyslots", v.BoundKeyslots())
	}
}

func TestPrioritiesDecideTheOrder(t *testing.T) {
	_, v := formatted(t, 2)
	same := cheap
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("one"), same); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		first luks2.Priority
		want  int
	}{{luks2.PriorityNormal, 0}, {luks2.PriorityIgnore, 1}} {
		if err := v.SetPriority(ctx, 0, c.first); err != nil {
			t.Fatal(err)
		}
		if got := unlock(t, v, "one").Keyslot; got != c.want {
			t.Errorf("keyslot 0 at priority %d: keyslot %d opened", c.first, got)
		}
	}
	if err := v.SetPriority(ctx, 0, luks2.PriorityNormal); err != nil {
		t.Fatal(err)
	}
	if err := v.SetPriority(ctx, 1, luks2.PriorityPrefer); err != nil {
		t.Fatal(err)
	}
	if got := unlock(t, v, "one").Keyslot; got != 1 {
		t.Errorf("keyslot %d opened before the preferred one", got)
	}
}

// Two heads under one sequence number, each with a key that the other does not have: erasing does not ask which is right.
func TestErasingTakesTheKeysOfHeadsThatContradictEachOther(t *testing.T) {
	base, _ := formatted(t, 2)
	images := map[string]*memory{}
	for _, key := range []string{"two", "three"} {
		images[key] = &memory{image: bytes.Clone(base.image)}
		v := loaded(t, images[key])
		n := cheap
		if n.ID = luks.At(1); key == "three" { // beside what the other one has
			n.ID = luks.At(2)
			if _, err := v.AddUnboundKey(ctx, make([]byte, 64), []byte("x"), cheap); err != nil {
				t.Fatal(err)
			}
			if err := v.KillKeyslot(ctx, 1, nil); err != nil {
				t.Fatal(err)
			}
		} else {
			for range 2 { // the same sequence number
				if err := v.SetLabels(ctx, "a", ""); err != nil {
					t.Fatal(err)
				}
			}
		}
		if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte(key), n); err != nil {
			t.Fatal(err)
		}
	}
	dev, other := images["two"], images["three"]
	v := loaded(t, other)
	slot, err := v.Keyslot(2)
	if err != nil {
		t.Fatal(err)
	}
	size := v.Choice.Copy.Header.Size
	copy(dev.image[size:2*size], other.image[size:2*size])
	copy(dev.image[slot.Area.Offset:slot.Area.End()], other.image[slot.Area.Offset:slot.Area.End()])
	before := bytes.Clone(dev.image)
	v = loaded(t, dev)
	if v.Choice.Reason != header.Conflicting {
		t.Fatalf("the heads do not contradict each other: %v", v.Choice.Reason)
	}
	if err := v.Erase(ctx); err != nil {
		t.Fatal(err)
	}
	if !v.Choice.Healthy() || len(v.Keyslots) != 0 {
		t.Errorf("%v, %d keyslots", v.Choice.Reason, len(v.Keyslots))
	}
	for _, at := range []uint64{2 * size, slot.Area.Offset} {
		if bytes.Equal(dev.image[at:at+512], before[at:at+512]) {
			t.Errorf("the material at byte %d is left", at)
		}
	}
}

func TestAWrappingUpdateCommitsTheWrapByItself(t *testing.T) {
	dev, v := formatted(t, 2)
	next := v.Choice.Copy
	next.Header.SeqID = math.MaxUint64
	plan, err := header.PlanFormat(next, zeros{})
	if err != nil {
		t.Fatal(err)
	}
	if err := commit.Apply(dev, commit.Mending(nil, plan)); err != nil {
		t.Fatal(err)
	}
	if v, err = luks.Load(ctx, dev); err != nil {
		t.Fatal(err)
	}
	if err := v.SetLabels(ctx, "wrapped", ""); err != nil {
		t.Fatal(err)
	}
	if got := v.Choice.Copy.Header.SeqID; got != 1 || v.Label != "wrapped" {
		t.Errorf("seqid %d, label %q", got, v.Label)
	}
}

func TestHealingAtTheLastSequenceNumberKeepsIt(t *testing.T) {
	dev, v := formatted(t, 2)
	next := v.Choice.Copy
	next.Header.SeqID = math.MaxUint64
	plan, err := header.PlanFormat(next, zeros{})
	if err != nil {
		t.Fatal(err)
	}
	if err := commit.Apply(dev, commit.Mending(nil, plan)); err != nil {
		t.Fatal(err)
	}
	dev.image[5000] ^= 1
	if v, err = luks.Load(ctx, dev); err != nil {
		t.Fatal(err)
	}
	healed, err := v.Heal(ctx, false)
	if err != nil || !healed || !v.Choice.Healthy() || v.Choice.Copy.Header.SeqID != math.MaxUint64 {
		t.Errorf("healed %v, %v, now %v, sequence number %d", healed, err, v.Choice.Reason, v.Choice.Copy.Header.SeqID)
	}
}

func TestHealingOnRequestOnly(t *testing.T) {
	dev, _ := formatted(t, 2)
	dev.image[5000] ^= 1
	writes := dev.writes
	if !opens(t, dev, "one") {
		t.Fatal("one good copy did not open")
	}
	if dev.writes != writes {
		t.Fatal("unlocking wrote")
	}
	v, err := luks.Load(ctx, dev)
	if err != nil {
		t.Fatal(err)
	}
	if v.Choice.Reason != header.OnlySecondary {
		t.Fatalf("reason %v", v.Choice.Reason)
	}
	if healed, err := v.Heal(ctx, false); err != nil || !healed || !v.Choice.Healthy() {
		t.Errorf("healed %v, %v, now %v", healed, err, v.Choice.Reason)
	}
	if healed, err := v.Heal(ctx, false); err != nil || healed {
		t.Errorf("healing the healthy: %v, %v", healed, err)
	}
}

// passing fails reads of the secondary head a number of times.
type passing struct {
	*memory
	errors int
}

func (p *passing) ReadAt(b []byte, off int64) (int, error) {
	if off >= luks2.MinSize && off < 2*luks2.MinSize && p.errors > 0 {
		p.errors--
		return 0, syscall.EIO
	}
	return p.memory.ReadAt(b, off)
}

func TestAPassingReadErrorNeverLetsAnOlderCopyWin(t *testing.T) {
	dev, v := formatted(t, 2)
	older := bytes.Clone(dev.image[:luks2.MinSize])
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
		t.Fatal(err)
	}
	copy(dev.image, older)
	writes := dev.writes
	flaky := &passing{memory: dev, errors: 100}
	stale, err := luks.Load(ctx, flaky)
	if err != nil || stale.Choice.Reason != header.OnlyPrimary {
		t.Fatalf("%v, %v", stale.Choice.Reason, err)
	}
	if _, err := stale.Heal(ctx, false); !errors.Is(err, header.ErrUnreadable) || !errors.Is(err, syscall.EIO) {
		t.Errorf("healing: %v", err)
	}
	if err := stale.SetLabels(ctx, "x", ""); !errors.Is(err, header.ErrUnreadable) {
		t.Errorf("changing: %v", err)
	}
	if dev.writes != writes {
		t.Errorf("%d writes", dev.writes-writes)
	}
	flaky.errors = 0
	if !opens(t, flaky, "two") {
		t.Error("the newer copy is lost")
	}
}

func TestNotLUKS(t *testing.T) {
	for _, image := range [][]byte{nil, {1, 2, 3}, make([]byte, 100), make([]byte, 1<<20)} {
		if _, err := luks.Load(ctx, &memory{image: image}); !errors.Is(err, luks.ErrNotLUKS) {
			t.Errorf("%d bytes: %v", len(image), err)
		}
	}
}

func TestTruncatedVolumesAreRefusedWithoutAWrite(t *testing.T) {
	for _, m := range vectors.All() {
		image, _ := vectors.Open(m.Name)
		for _, n := range []int{512, 1000, 4096, 16384, 20000, 32768, 100000} {
			dev := &memory{image: image[:n]}
			v, err := luks.Load(ctx, dev)
			if err == nil {
				_, err = v.Unlock(ctx, []byte(vectors.K0), anyID)
			}
			if err == nil {
				t.Errorf("%s cut to %d bytes opened", m.Name, n)
			}
			if dev.writes != 0 {
				t.Errorf("%s cut to %d bytes was written to", m.Name, n)
			}
		}
	}
}

func TestLUKS1RefusesWhatItCannotHold(t *testing.T) {
	_, v := formatted(t, 1)
	n := cheap
	n.KDF = kdf.Params{Type: kdf.Argon2id, Time: 4, Memory: 64, CPUs: 1}
	if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("x"), n); !errors.Is(err, luks.ErrUnsupported) {
		t.Errorf("argon2: %v", err)
	}
	if err := v.SetLabels(ctx, "l", ""); !errors.Is(err, luks.ErrUnsupported) {
		t.Errorf("label: %v", err)
	}
	key := unlock(t, v, "one")
	for range luks1.KeyslotCount - 1 {
		if _, err := v.AddKey(ctx, key, []byte("x"), cheap); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := v.AddKey(ctx, key, []byte("x"), cheap); !errors.Is(err, luks2.ErrNoID) {
		t.Errorf("ninth keyslot: %v", err)
	}
}
