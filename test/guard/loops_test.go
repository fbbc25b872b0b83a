// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/udev"
)

const mib = 1 << 20

// appearing is a volume that was seen in order, and is damaged when it appears again.
type appearing struct {
	name   string
	far    bool                            // it has a far header
	damage func(t *testing.T, file string) // while it is away
	ends   string                          // with repair = proven: "untouched" or "in order"
	says   string                          // in the status then
	would  string                          // with the default policy; "" for a volume in order

	file  string
	uuid  string
	whole []byte
}

func appearances() []*appearing {
	wipe := func(from, length int) func(*testing.T, string) {
		return func(t *testing.T, file string) { overwrite(t, file, make([]byte, length), int64(from)) }
	}
	return []*appearing{
		{name: "healthy", damage: func(*testing.T, string) {}, ends: "untouched"},
		{name: "zeroed primary", damage: wipe(0, headSize), ends: "in order", says: "primary header written", would: "repair"},
		{name: "zeroed secondary", damage: wipe(headSize, headSize), ends: "in order", says: "secondary header written", would: "repair"},
		{name: "older secondary", damage: olderSecondary, ends: "in order", says: "secondary header written", would: "repair"},
		{name: "foreign superblock", damage: foreignSuperblock, ends: "untouched", says: "signature of swap", would: "repair"},
		{name: "unfinished grow", far: true, damage: cutGrowth, ends: "grown", says: "concluded", would: "resume"},
		{name: "both heads zeroed, far header", far: true, damage: wipe(0, 2*headSize), ends: "in order", says: "", would: "from far"},
	}
}

func overwrite(t *testing.T, file string, p []byte, off int64) {
	t.Helper()
	f, err := os.OpenFile(file, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(p, off)
		_ = f.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
}

// with does something to the volume in a file.
func with(t *testing.T, file string, do func(ctx context.Context, v *luks.Volume) error) {
	t.Helper()
	dev, err := luks.OpenDevice(file, luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Load(t.Context(), dev)
	if err == nil {
		err = do(t.Context(), v)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func olderSecondary(t *testing.T, file string) {
	with(t, file, func(_ context.Context, v *luks.Volume) error {
		next := v.Choice.Copy
		next.Header.Label = "newer"
		next.Metadata = next.Metadata.Clone()
		plan, err := header.PlanUpdate(v.Heads, v.Choice, next, rand.Reader)
		plan.Writes = plan.Writes[:1] // the primary
		if err != nil {
			return err
		}
		return commit.Apply(v.Device(), commit.Mending(nil, plan))
	})
}

// foreignSuperblock makes the first page one of swap space.
func foreignSuperblock(t *testing.T, file string) {
	page := make([]byte, 4096)
	page[1024], page[1028] = 1, 0xff // version, last page
	copy(page[4086:], "SWAPSPACE2")
	overwrite(t, file, page, 0)
}

var errCut = fmt.Errorf("cut")

func cutGrowth(t *testing.T, file string) {
	if err := os.Truncate(file, 24*mib); err != nil {
		t.Fatal(err)
	}
	with(t, file, func(ctx context.Context, v *luks.Volume) (err error) {
		defer func() {
			if r := recover(); r != errCut {
				err = fmt.Errorf("not cut: %v", r)
			}
		}()
		step := 0
		return v.Grow(ctx, luks.GrowOptions{Tell: func(relocate.Step) {
			if step++; step > 3 {
				panic(errCut)
			}
		}})
	})
}

// make a fresh volume in a file.
func (a *appearing) make(t *testing.T, dir string, number int) {
	t.Helper()
	a.file, a.uuid = filepath.Join(dir, fmt.Sprint("volume", number)), fmt.Sprintf("22222222-2222-4333-8444-%012x", number)
	if err := os.WriteFile(a.file, make([]byte, 16*mib), 0o600); err != nil {
		t.Fatal(err)
	}
	dev, err := luks.OpenDevice(a.file, luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Format(t.Context(), dev, []byte("pass"), luks.FormatOptions{
		Version: 2, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512, UUID: a.uuid,
		KeyslotsSize: 512 << 10, DataOffset: mib, DigestIterations: 1000,
		Keyslot: luks.NewKeyslot{KDF: kdf.Params{Type: "pbkdf2", Hash: "sha256", Iterations: 1000}},
	})
	if err == nil && a.far {
		_, err = v.EnableFar(t.Context(), luks.Room{End: mib})
	}
	if err != nil {
		t.Fatal(err)
	}
}

func contents(t *testing.T, file string) []byte {
	t.Helper()
	p, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// appear attaches it and waits until the guard has said its word. It returns how long that took since
// the event reached a socket like the guard's.
func (a *appearing) appear(t *testing.T, d *daemon) (loop *block.Loop, took time.Duration) {
	t.Helper()
	m, err := udev.Listen(udev.Options{Source: udev.Kernel, Matches: []udev.Match{{Subsystem: "block"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	loop = attach(t, a.file)
	ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(10*time.Second))
	defer cancel()
	for {
		e, err := m.Receive(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if e.DevName == loop.Path {
			break
		}
	}
	heard := time.Now()
	await(t, 20*time.Second, a.name+" is known", func() bool { return d.volume(t, loop.Path) != nil })
	return loop, time.Since(heard)
}

// known is what status says of a device.
type known struct {
	Device, UUID, Verdict, Did, Undo, Would string
	Because, Findings                       []string
}

func (d *daemon) volume(t *testing.T, path string) *known {
	t.Helper()
	for _, v := range d.status(t).Volumes {
		if v.Device == path {
			return &v
		}
	}
	return nil
}

func TestDamagedDevicesAppear(t *testing.T) {
	for _, policy := range []string{"", "repair = proven\ngrow = yes"} {
		t.Run("policy "+policy, func(t *testing.T) {
			g := newGuarded(t, policy)
			list := appearances()
			for i, a := range list {
				a.make(t, g.dir, i)
				if out, err := g.command("--once", a.file).CombinedOutput(); err != nil { // it is seen in order
					t.Fatalf("%s: %v: %s", a.name, err, out)
				}
				a.whole = contents(t, a.file)
				a.damage(t, a.file)
			}
			d := g.start(t)
			for _, a := range list {
				hurt := contents(t, a.file)
				loop, took := a.appear(t, d)
				if took > pace.Limit(2*time.Second) {
					t.Errorf("%s: the guard's word came %v after the event", a.name, took)
				}
				t.Logf("%s: %v after the event", a.name, took.Round(time.Millisecond))
				a.judge(t, d, loop, policy != "", hurt)
				if err := loop.Detach(); err != nil {
					t.Fatal(err)
				}
				await(t, 10*time.Second, a.name+" is let go", func() bool { return d.volume(t, loop.Path) == nil })
			}
			d.quiet(t)
			d.stop(t)
		})
	}
}

func (a *appearing) judge(t *testing.T, d *daemon, loop *block.Loop, proven bool, hurt []byte) {
	t.Helper()
	if !proven || a.ends == "untouched" {
		v := d.volume(t, loop.Path)
		if v.Would != a.would || v.Did != "" || writesTo(t, loop) != 0 {
			t.Errorf("%s: %d writes, %+v", a.name, writesTo(t, loop), v)
		}
		if !bytes.Equal(contents(t, a.file), hurt) {
			t.Errorf("%s: written to", a.name)
		}
		if text := fmt.Sprint(v.Because); proven && !strings.Contains(text, a.says) || !proven && a.would != "" && !strings.Contains(text, "repair = off") {
			t.Errorf("%s: says %s", a.name, text)
		}
		return
	}
	await(t, 10*time.Second, a.name+" ends in order", func() bool {
		v := d.volume(t, loop.Path)
		return v != nil && v.Verdict == "healthy" && v.Would == "" && a.inStep(t, loop)
	})
	if history, err := d.command("history", a.uuid).Output(); err != nil || !strings.Contains(string(history), a.says) {
		t.Errorf("%s: %v, %s", a.name, err, history)
	}
	got := contents(t, a.file)
	if a.ends == "grown" {
		return // another place of the far header, another size in the heads
	}
	if a.name == "older secondary" {
		copy(a.whole, hurt[:headSize]) // the newer one
		copy(a.whole[headSize:2*headSize], hurt[:headSize])
		copy(a.whole[headSize:headSize+8], got[headSize:headSize+8]) // the secondary's magic
		copy(a.whole[headSize+256:headSize+264], got[headSize+256:headSize+264])
	}
	if wrong := differs(got[:mib], a.whole[:mib]); wrong != "" {
		t.Errorf("%s: %s", a.name, wrong)
	}
}

// inStep: the far header, where there is one, is what and where it should be.
func (a *appearing) inStep(t *testing.T, loop *block.Loop) (ok bool) {
	if !a.far {
		return true
	}
	dev, err := luks.OpenDevice(loop.Path, luks.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Load(t.Context(), dev)
	if err != nil {
		return false
	}
	f, err := v.Far(t.Context())
	return err == nil && f.Standing == far.InStep && f.Token.Phase == far.Stable && f.Token.DeviceSize == uint64(dev.Size())
}

// A clone of an attached device is named on both, and neither is written to.
func TestACloneAppears(t *testing.T) {
	g := newGuarded(t, "repair = proven")
	a := &appearing{name: "original"}
	a.make(t, g.dir, 1)
	clone := *a
	clone.file = filepath.Join(g.dir, "clone")
	hurt := contents(t, a.file)
	clear(hurt[:headSize])
	if err := os.WriteFile(clone.file, hurt, 0o600); err != nil {
		t.Fatal(err)
	}
	d := g.start(t)
	original, _ := a.appear(t, d)
	other, _ := clone.appear(t, d)
	v := d.volume(t, other.Path)
	if v.Would != "repair" || !strings.Contains(fmt.Sprint(v.Because), original.Path) || writesTo(t, other) != 0 || writesTo(t, original) != 0 {
		t.Errorf("%+v", v)
	}
	if d.quiet(t); !bytes.Equal(contents(t, clone.file), hurt) {
		t.Error("written to")
	}
	d.stop(t)
}
