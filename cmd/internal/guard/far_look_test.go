// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

const farDevice = 16 << 20

// farImage is a volume with a far header, and its contents.
func (b *bench) farImage(name string) (path string, contents []byte) {
	b.t.Helper()
	path = filepath.Join(b.dir, name+".img")
	b.put(path, make([]byte, farDevice))
	b.change(path, func(file *luks.File) error {
		v, err := luks.Format(b.t.Context(), file, []byte("pass"), luks.FormatOptions{
			Version: 2, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512,
			UUID: "11111111-2222-4333-8444-555555555555", KeyslotsSize: 512 << 10, DataOffset: 1 << 20,
			Keyslot: luks.NewKeyslot{
				KDF: kdf.Params{Type: "pbkdf2", Hash: "sha256", Iterations: 1000, Salt: make([]byte, 32)}, Cipher: "aes-xts-plain64", CipherKeySize: 64,
			},
			DigestIterations: 1000,
		})
		if err != nil {
			return err
		}
		_, err = v.EnableFar(b.t.Context(), luks.Room{End: 1 << 20})
		return err
	})
	contents, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	return path, contents
}

// change does something to an image through a device.
func (b *bench) change(path string, do func(*luks.File) error) {
	b.t.Helper()
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true, NoLocks: true})
	if err != nil {
		b.t.Fatal(err)
	}
	if err := errors.Join(do(file), file.Close()); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) far(path string) (f luks.FarHeader) {
	b.t.Helper()
	b.change(path, func(file *luks.File) error {
		v, err := luks.Load(b.t.Context(), file)
		if err == nil {
			f, err = v.Far(b.t.Context())
		}
		return err
	})
	return f
}

func TestAVolumeWithAFarHeaderIsNotWrittenTo(t *testing.T) {
	b := newBench(t, "repair = proven\ngrow = yes")
	path, contents := b.farImage("a")
	if v := b.look(path); v.Verdict != "healthy" || v.Would != "" || !strings.Contains(strings.Join(v.Findings, " "), "in step") {
		t.Errorf("%+v", v)
	}
	b.holds(path, contents)
}

func TestHeadsComeBackFromTheFarHeader(t *testing.T) {
	for _, policy := range []string{"", "repair = proven"} {
		b := newBench(t, policy)
		path, contents := b.farImage("a")
		b.look(path)
		hurt := damaged(contents, 0, 2*headSize)
		b.put(path, hurt)
		v := b.look(path)
		if policy == "" {
			if v.Verdict != "lost" || v.Would != "from far" || !strings.Contains(v.Because[0], "repair = off") {
				t.Errorf("%+v", v)
			}
			b.holds(path, hurt)
			continue
		}
		if v.Verdict != "healthy" || v.Undo == "" {
			t.Errorf("%+v", v)
		}
		b.sameVolume(path, contents)
		if f := b.far(path); f.Standing != far.InStep {
			t.Errorf("afterwards the far header is %v", f.Standing)
		}
	}
}

func TestAnErasedVolumeDoesNotComeBackFromTheFarHeader(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	b.look(path)
	hurt := damaged(contents, 0, 64<<10) // the first keyslot's area too
	b.put(path, hurt)
	if v := b.look(path); v.Would != "from far" || !strings.Contains(strings.Join(v.Because, " "), "as after an erase") {
		t.Errorf("%+v", v)
	}
	b.holds(path, hurt)
}

func TestAFarHeaderOfAStrangerIsNotBroughtBack(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	hurt := damaged(contents, 0, 2*headSize)
	b.put(path, hurt)
	if v := b.look(path); v.Would != "from far" || !strings.Contains(strings.Join(v.Because, " "), "never seen") {
		t.Errorf("%+v", v)
	}
	b.holds(path, hurt)
}

func TestADamagedKeyslotComesBackFromTheFarHeader(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.farImage("a")
	b.look(path)
	b.put(path, damaged(contents, 40<<10, 44<<10))
	v := b.look(path)
	if v.Verdict != "healthy" || v.Did == "" {
		t.Errorf("%+v", v)
	}
	b.holds(path, contents)
}

// relabel changes the heads as another program does, which knows of no far header.
func relabel(ctx context.Context, file *luks.File) error {
	return otherTool(ctx, file, func(c *luks2.Copy) { c.Header.Label = "changed" })
}

// otherTool changes the heads and knows of no far header.
func otherTool(ctx context.Context, file *luks.File, change func(*luks2.Copy)) error {
	v, err := luks.Load(ctx, file)
	if err != nil {
		return err
	}
	next := v.Choice.Copy
	next.Metadata = next.Metadata.Clone()
	change(&next)
	plan, err := header.PlanUpdate(v.Heads, v.Choice, next, rand.Reader)
	if err != nil {
		return err
	}
	return commit.Apply(file, commit.Mending(nil, plan))
}

func TestAStaleFarHeaderIsBroughtIntoStep(t *testing.T) {
	for _, policy := range []string{"", "repair = proven"} {
		b := newBench(t, policy)
		path, _ := b.farImage("a")
		b.change(path, func(file *luks.File) error { return relabel(t.Context(), file) })
		before, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		v := b.look(path)
		want := far.Stale
		if policy != "" {
			want = far.InStep
		} else {
			b.holds(path, before)
		}
		if f := b.far(path); f.Standing != want || (v.Did != "") != (policy != "") {
			t.Errorf("policy %q: %v, %+v", policy, f.Standing, v)
		}
	}
}

func (b *bench) enlarge(path string, size int64) {
	b.t.Helper()
	if err := os.Truncate(path, size); err != nil {
		b.t.Fatal(err)
	}
}

func TestAGrownDeviceIsFollowed(t *testing.T) {
	for _, policy := range []string{"repair = proven", "grow = yes"} {
		b := newBench(t, policy)
		path, _ := b.farImage("a")
		b.look(path)
		for i := int64(1); i <= 3; i++ {
			size := (16 + 8*i) << 20
			b.enlarge(path, size)
			v := b.look(path)
			f := b.far(path)
			if policy != "grow = yes" {
				if v.Would != "grow" || f.Token.DeviceSize != farDevice {
					t.Errorf("%+v, the heads know %d", v, f.Token.DeviceSize)
				}
				continue
			}
			if v.Did == "" || f.Standing != far.InStep || f.Token.DeviceSize != uint64(size) || f.Token.Far.End() < uint64(size)-2<<20 {
				t.Errorf("%+v; %v, %+v", v, f.Standing, f.Token)
			}
		}
	}
}

var errCut = errors.New("cut")

// A growth that was cut off before any of its steps is concluded or taken back when the device is
// seen, and then the device is followed.
func TestAnUnfinishedGrowthIsConcluded(t *testing.T) {
	for cut := 0; ; cut++ {
		b := newBench(t, "repair = proven\ngrow = yes")
		path, _ := b.farImage("a")
		b.look(path)
		const size = 24 << 20
		b.enlarge(path, size)
		finished := b.cutGrowth(path, cut)
		for range 3 {
			b.look(path)
		}
		v, f := b.look(path), b.far(path)
		if v.Verdict != "healthy" || v.Would != "" || f.Standing != far.InStep || f.Token.Phase != far.Stable || f.Token.DeviceSize != size {
			t.Errorf("cut before step %d: %+v; %v, %+v\n%s", cut, v, f.Standing, f.Token, b.log.String())
		}
		if finished {
			if cut < 4 {
				t.Errorf("only %d steps", cut)
			}
			return
		}
	}
}

// cutGrowth ends a growth before its step of that number; true where it has fewer.
func (b *bench) cutGrowth(path string, cut int) (finished bool) {
	b.change(path, func(file *luks.File) error {
		v, err := luks.Load(b.t.Context(), file)
		if err != nil {
			return err
		}
		ctx, cancel := context.WithCancelCause(b.t.Context())
		defer cancel(nil)
		step := 0
		defer func() { finished = step <= cut }()
		defer func() {
			if r := recover(); r != nil && r != errCut {
				panic(r)
			}
		}()
		return v.Grow(ctx, luks.GrowOptions{Tell: func(relocate.Step) {
			if step++; step > cut {
				panic(errCut)
			}
		}})
	})
	return finished
}

func TestDamageBeforeAnythingElse(t *testing.T) {
	b := newBench(t, "repair = proven\ngrow = yes")
	path, contents := b.farImage("a")
	b.look(path)
	b.put(path, append(damaged(contents, 0, headSize), make([]byte, 16<<20)...))
	if v := b.look(path); !strings.Contains(v.Did, "primary header written") {
		t.Errorf("%+v", v)
	}
	b.look(path) // the far header follows the copy that has a fresh salt
	v := b.look(path)
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if f := b.far(path); f.Token.DeviceSize != farDevice+16<<20 || !bytes.Equal(got[2*headSize:256<<10], contents[2*headSize:256<<10]) {
		t.Errorf("%+v; %+v", v, f.Token)
	}
}
