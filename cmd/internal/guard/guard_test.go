// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// bench is a guard with image files to look at.
type bench struct {
	*Guard
	t   *testing.T
	dir string
	log bytes.Buffer
}

func newBench(t *testing.T, config string) *bench {
	t.Helper()
	dir := t.TempDir()
	c, err := policy.Parse([]byte("images = " + dir + "/*.img\n" + config))
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, dir: dir}
	b.Guard = New(Options{
		Log:    &Log{w: &b.log, format: asText},
		Store:  store.Store{State: filepath.Join(dir, "state"), Volatile: filepath.Join(dir, "run")},
		Config: c,
	})
	b.machine.devices = func() ([]block.Info, error) { return nil, nil } // not those of the machine that tests
	return b
}

// image puts a recorded volume into a file and returns the file's path and contents.
func (b *bench) image(name, vector string) (path string, contents []byte) {
	b.t.Helper()
	contents, _ = vectors.Open(vector)
	path = filepath.Join(b.dir, name+".img")
	b.put(path, contents)
	return path, contents
}

func (b *bench) put(path string, contents []byte) {
	b.t.Helper()
	if err := os.WriteFile(path, contents, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) holds(path string, want []byte) {
	b.t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range got {
		if got[i] != want[i] {
			b.t.Errorf("%s: byte %d is %02x, want %02x", filepath.Base(path), i, got[i], want[i])
			return
		}
	}
}

func (b *bench) look(path string) *Volume {
	b.t.Helper()
	v := b.Look(b.t.Context(), path)
	if v == nil {
		b.t.Fatalf("no volume in %s\n%s", path, b.log.String())
	}
	return v
}

// damaged returns contents with zeros over a range.
func damaged(contents []byte, from, to int) []byte {
	p := bytes.Clone(contents)
	clear(p[from:to])
	return p
}

const headSize = 16 << 10

func TestHealthyVolumesAreNotWrittenTo(t *testing.T) {
	for _, vector := range []string{"luks2-unbound", "luks2-metadata-64k", "luks1-sha1", "luks2-cbc-essiv"} {
		b := newBench(t, "repair = proven\nremovable = yes\ngrow = yes")
		path, contents := b.image("a", vector)
		past := time.Now().Add(-time.Hour)
		if err := os.Chtimes(path, past, past); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if v := b.look(path); v.Verdict != "healthy" || v.Would != "" {
				t.Errorf("%s: %+v", vector, v)
			}
		}
		b.holds(path, contents)
		if info, err := os.Stat(path); err != nil || !info.ModTime().Equal(past) {
			t.Errorf("%s: written at %v, %v", vector, info.ModTime(), err)
		}
	}
}

func TestProvenDamageIsMended(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	for name, r := range map[string][2]int{"primary": {0, headSize}, "secondary": {headSize, 2 * headSize}, "primary's JSON": {5000, 5100}} {
		b.put(path, damaged(contents, r[0], r[1]))
		v := b.look(path)
		if v.Verdict != "healthy" || v.Did == "" || v.Undo == "" {
			t.Errorf("%s: %+v", name, v)
		}
		b.sameVolume(path, contents)
		b.mends = map[string][]time.Time{}
	}
	list, err := b.store.History(b.look(path).UUID)
	if err != nil || len(list) != 4 || list[0].What != store.Seen || list[1].What != store.Repaired {
		t.Errorf("%v: %+v", err, list)
	}
}

// sameVolume: everything as it was, but that a rewritten copy has a fresh salt and so another sum.
func (b *bench) sameVolume(path string, want []byte) {
	b.t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		b.t.Fatal(err)
	}
	for i := range got {
		in := i % headSize
		salt, sum := in >= 104 && in < 168, in >= 448 && in < 512
		if got[i] != want[i] && !(i < 2*headSize && (salt || sum)) {
			b.t.Errorf("byte %d is %02x, want %02x", i, got[i], want[i])
			return
		}
	}
}

func TestByDefaultDamageIsReportedOnly(t *testing.T) {
	b := newBench(t, "")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	hurt := damaged(contents, 0, headSize)
	b.put(path, hurt)
	v := b.look(path)
	if v.Verdict != "healable" || v.Would != "repair" || len(v.Because) != 1 || !strings.Contains(v.Because[0], "repair = off") {
		t.Errorf("%+v", v)
	}
	b.holds(path, hurt)
}

func TestUnprovenDamageIsReportedOnly(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	hurt := damaged(contents, 0, headSize)
	b.put(path, hurt)
	if v := b.look(path); v.Would != "repair" || !strings.Contains(v.Because[0], "never seen") {
		t.Errorf("%+v", v)
	}
	b.holds(path, hurt)
}

func TestClonesAreNotMended(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	other, _ := b.image("b", "luks2-unbound")
	if v := b.look(other); !strings.Contains(strings.Join(v.Findings, " "), path) {
		t.Errorf("the clone is not named: %+v", v)
	}
	hurt := damaged(contents, 0, headSize)
	b.put(path, hurt)
	if v := b.look(path); v.Would != "repair" || !strings.Contains(v.Because[0], other) {
		t.Errorf("%+v", v)
	}
	b.holds(path, hurt)
	if err := os.Remove(other); err != nil {
		t.Fatal(err)
	}
	b.Look(t.Context(), other)
	if v := b.look(path); v.Did == "" {
		t.Errorf("after the clone went: %+v", v)
	}
}

func TestALockIsRespected(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	hurt := damaged(contents, 0, headSize)
	b.put(path, hurt)
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, exclusive := range []bool{true, false} {
		release, err := file.LockMetadata(t.Context(), exclusive)
		if err != nil {
			t.Fatal(err)
		}
		asked := ""
		b.requeue = func(id string, after time.Duration) { asked = id }
		b.Look(t.Context(), path)
		b.holds(path, hurt)
		if asked != path {
			t.Errorf("exclusive %v: no later look was asked for", exclusive)
		}
		if err := release(); err != nil {
			t.Fatal(err)
		}
	}
	if v := b.look(path); v.Did == "" {
		t.Errorf("%+v", v)
	}
}

func TestWhatIsMendedAgainAndAgainIsLeftAlone(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	hurt := damaged(contents, 0, headSize)
	for range mendLimit {
		b.put(path, hurt)
		if v := b.look(path); v.Would != "" {
			t.Fatalf("%+v", v)
		}
	}
	b.put(path, hurt)
	if v := b.look(path); v.Would != "repair" || !strings.Contains(v.Because[0], "again and again") {
		t.Errorf("%+v", v)
	}
	b.holds(path, hurt)
}

func TestNoUndoCopyNoWrite(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	if err := os.WriteFile(filepath.Join(b.dir, "state", "undo"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	hurt := damaged(contents, 0, headSize)
	b.put(path, hurt)
	v := b.look(path)
	if v.Did != "" || !strings.Contains(strings.Join(v.Because, " "), "no undo copy") {
		t.Errorf("%+v", v)
	}
	b.holds(path, hurt)
	for range mendLimit {
		b.look(path)
	}
	if v := b.look(path); !strings.Contains(strings.Join(v.Because, " "), "again and again") {
		t.Errorf("what fails is tried for ever: %+v", v)
	}
}

func TestARevokedKeyTakesWhatWasKeptWithIt(t *testing.T) {
	b := newBench(t, "repair = proven\nstore = full")
	path, contents := b.image("a", "luks2-unbound")
	uuid := b.look(path).UUID
	b.put(path, damaged(contents, 0, headSize))
	b.look(path)
	if copies, err := b.store.UndoCopies(uuid); err != nil || len(copies) != 1 {
		t.Fatalf("%v, %v", copies, err)
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	v, err := luks.Load(context.Background(), file)
	if err == nil {
		err = v.KillKeyslot(context.Background(), v.Keyslots[0].ID, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Close()
	material := contents[32<<10:][:4096]
	b.look(path)
	if copies, err := b.store.UndoCopies(uuid); err != nil || len(copies) != 0 {
		t.Errorf("%v, %v", copies, err)
	}
	if head, err := b.store.Load(uuid); err != nil || head.Head.SeqID != v.Choice.Copy.Header.SeqID {
		t.Errorf("%v, seqid %d", err, head.Head.SeqID)
	}
	b.nowhere(material)
	list, _ := b.store.History(uuid)
	if last := list[len(list)-1]; last.What != store.Revoked {
		t.Errorf("%+v", last)
	}
}

// nowhere: no file of the store holds these bytes.
func (b *bench) nowhere(secret []byte) {
	b.t.Helper()
	err := filepath.WalkDir(filepath.Join(b.dir, "state"), func(path string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		p, err := os.ReadFile(path)
		if bytes.Contains(p, secret) {
			b.t.Errorf("%s holds revoked key material", path)
		}
		return err
	})
	if err != nil {
		b.t.Fatal(err)
	}
}

func TestIgnoredDevicesAreNotLookedAt(t *testing.T) {
	b := newBench(t, "[transport image]\nignore = yes")
	path, _ := b.image("a", "luks2-unbound")
	if v := b.Look(t.Context(), path); v != nil {
		t.Errorf("%+v", v)
	}
}

func TestADryRunWritesAndRemembersNothing(t *testing.T) {
	b := newBench(t, "repair = proven")
	path, contents := b.image("a", "luks2-unbound")
	b.look(path)
	before, err := os.ReadDir(filepath.Join(b.dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	b.dryRun = true
	hurt := damaged(contents, 0, headSize)
	b.put(path, hurt)
	if v := b.look(path); v.Would != "repair" || len(v.Because) != 0 {
		t.Errorf("%+v", v)
	}
	b.holds(path, hurt)
	if after, err := os.ReadDir(filepath.Join(b.dir, "state")); err != nil || len(after) != len(before) {
		t.Errorf("%v, %v", after, err)
	}
}

func TestTransportIsTheOuterBus(t *testing.T) {
	for path, want := range map[string]string{
		"/devices/pci0000:00/0000:00:14.0/usb1/1-1/1-1:1.0/host6/target6:0:0/6:0:0:0/block/sdb": "usb",
		"/devices/pci0000:00/0000:00:1f.2/ata1/host0/target0:0:0/0:0:0:0/block/sda":             "sata",
		"/devices/pci0000:00/0000:00:02.0/virtio1/block/vda":                                    "virtio",
		"/devices/virtual/block/loop0":                                                          "loop",
		"/devices/pci0000:00/0000:00:1d.0/0000:02:00.0/nvme/nvme0/nvme0n1":                      "nvme",
	} {
		if got := transport(path); got != want {
			t.Errorf("%s: %s", path, got)
		}
	}
}
