// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vm/cuts"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// stepped is a transaction on a volume with an ext4 in it, whose every prefix is tried.
type stepped struct {
	name     string
	from, to int64 // bytes the device has before and while it runs
	format   string
	run      string // on /dev/mapper/over
}

func transactions(t *testing.T) []stepped {
	t.Helper()
	const mib = 1 << 20
	list := []stepped{
		{"grow", 40 * mib, 56 * mib, "", "grow"},
		{"grow, overlapping", 40 * mib, 41 * mib, "", "grow --force-small"},
		{"shrink", 56 * mib, 56 * mib, "", "shrink --device-size 41943040 --key-file one"},
		{"header resize", 40 * mib, 40 * mib, "--no-far-header", "header resize --luks2-metadata-size 64k"},
		{"header resize with a far header", 40 * mib, 40 * mib, "", "header resize --luks2-metadata-size 64k"},
	}
	return part.Of(t, "transactions", list, []stepped{list[0], list[4]})
}

const (
	transactionDisk = 56 << 20
	contents        = 16 << 20 // of the ext4 in it, bytes
	cheap           = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
)

// TestEveryPowerCutOfATransactionOpensWithCryptsetup logs what transactions really send to the disk. What
// a power cut after each write leaves is opened and changed by both releases of the real cryptsetup,
// then concluded, and opened again; the file system inside is clean, and every byte of it as it was.
func TestEveryPowerCutOfATransactionOpensWithCryptsetup(t *testing.T) {
	dir := place(t, transactionDisk)
	if err := os.WriteFile(filepath.Join(dir, "log"), make([]byte, 64<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	list := transactions(t)
	var script strings.Builder
	fmt.Fprintf(&script, "mkdir -p %s/results; mount -t hostfs results /mnt -o %s/results || echo FAIL mount results\n", dir, dir)
	if err := os.Mkdir(filepath.Join(dir, "results"), 0o700); err != nil {
		t.Fatal(err)
	}
	makeContents(t, dir)
	for n, s := range list {
		s.script(&script, n)
	}
	runScript(t, dir, script.String(), 10*time.Minute)
	for n, s := range list {
		t.Run(s.name, func(t *testing.T) {
			j := newStepJudge(t, dir)
			tried, writes := j.replay(result(t, dir, "base", n), result(t, dir, "log", n))
			fmt.Printf("%s: %d writes logged on a real kernel, %d prefixes opened, changed, concluded and opened again\n", s.name, writes, tried)
		})
	}
}

// makeContents makes an ext4 with files, which each volume gets a copy of.
func makeContents(t *testing.T, dir string) {
	t.Helper()
	files := filepath.Join(dir, "files")
	if err := os.Mkdir(files, 0o700); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		text := strings.Repeat(fmt.Sprintf("file %d\n", i), 3000)
		if err := os.WriteFile(filepath.Join(files, fmt.Sprint(i)), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	out, err := exec.Command("mkfs.ext4", "-q", "-b", "4096", "-d", files, filepath.Join(dir, "ext4"), "16M").CombinedOutput()
	if err != nil {
		t.Fatalf("mkfs.ext4: %v: %s (run ./scripts/setup)", err, out)
	}
}

func (s stepped) script(script *strings.Builder, n int) {
	say := func(format string, args ...any) { fmt.Fprintf(script, format+"\n", args...) }
	say("at='%s'", s.name)
	say("want 0 dd if=/dev/zero of=/dev/ubda bs=1M count=%d oflag=direct", transactionDisk>>20)
	say("want 0 dmsetup create small --table '0 %d linear /dev/ubda 0'", s.from/512)
	say("want 0 dmsetup mknodes small")
	say("want 0 ./orthrus luksFormat -q --luks2-keyslots-size 1m %s %s --key-file one /dev/mapper/small", s.format, cheap)
	say("want 0 ./orthrus open --key-file one /dev/mapper/small inner")
	say("want 0 dd if=ext4 of=/dev/mapper/inner bs=1M conv=fsync")
	say("want 0 ./orthrus close inner")
	say("want 0 dmsetup remove --retry small")
	say("want 0 dd if=/dev/ubda of=/mnt/base.%d bs=1M count=%d iflag=direct", n, s.to>>20)
	say("want 0 dmsetup create over --table '0 %d log-writes /dev/ubda /dev/ubdb'", s.to/512)
	say("want 0 dmsetup mknodes over")
	say("want 0 ./orthrus %s /dev/mapper/over", s.run)
	say("want 0 dmsetup remove --retry over")
	say("want 0 dd if=/dev/ubdb of=/mnt/log.%d bs=1M iflag=direct", n)
}

// stepJudge tries images.
type stepJudge struct {
	t        *testing.T
	dir      string // of this judge
	keys     string // where the key files and our program are
	releases []string
	want     []byte // the contents
}

func newStepJudge(t *testing.T, keys string) stepJudge {
	t.Helper()
	j := stepJudge{t: t, dir: t.TempDir(), keys: keys}
	for _, release := range []string{"bookworm", "trixie"} {
		path, err := machine.Peer(release)
		if err != nil {
			t.Fatal(err)
		}
		j.releases = append(j.releases, path)
	}
	var err error
	if j.want, err = os.ReadFile(filepath.Join(keys, "ext4")); err != nil {
		t.Fatal(err)
	}
	return j
}

// replay tries every prefix in the long run, and otherwise five.
func (j stepJudge) replay(image, log []byte) (tried, count int) {
	j.t.Helper()
	all, err := cuts.ParseLog(log)
	if err != nil {
		j.t.Fatal(err)
	}
	var writes []cuts.Write
	for _, w := range all {
		if len(w.Data) > 0 {
			writes = append(writes, w)
		}
	}
	if len(writes) < 10 {
		j.t.Fatalf("only %d writes were logged", len(writes))
	}
	for i, w := range writes {
		copy(image[w.Offset:], w.Data)
		if !part.Whole() && i%(len(writes)/4) != 0 && i != len(writes)-1 {
			continue
		}
		j.try(fmt.Sprintf("after write %d of %d", i+1, len(writes)), image)
		tried++
	}
	part.Note(j.t, "power cuts", tried, len(writes))
	return tried, len(writes)
}

// try opens an image with both releases, adds a key with one, concludes, and opens it again.
func (j stepJudge) try(when string, image []byte) {
	j.t.Helper()
	path := filepath.Join(j.dir, "image")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		j.t.Fatal(err)
	}
	key := func(name string) string { return filepath.Join(j.keys, name) }
	for _, release := range j.releases {
		j.run(when, release, "open", "--test-passphrase", "--key-file", key("one"), path)
	}
	j.run(when, j.releases[len(when)%2], append(append(strings.Fields("luksAddKey -q --key-file "+key("one")), strings.Fields(cheap)...), path, key("two"))...)
	ours := filepath.Join(j.keys, "orthrus")
	j.run(when, ours, "repair", "-q", path)
	for _, release := range j.releases {
		j.run(when, release, "open", "--test-passphrase", "--key-file", key("two"), path)
	}
	if v := j.load(path); v != nil {
		if _, pending, err := v.Pending(); pending || err != nil {
			j.t.Errorf("%s: still under way after repair, %v", when, err)
		}
		j.contents(when, v)
	}
}

func (j stepJudge) run(when, program string, args ...string) {
	j.t.Helper()
	if out, err := exec.Command(program, args...).CombinedOutput(); err != nil {
		j.t.Errorf("%s: %s %s: %v: %s", when, filepath.Base(program), strings.Join(args, " "), err, out)
	}
}

func (j stepJudge) load(path string) *luks.Volume {
	j.t.Helper()
	dev, err := block.Open(path, 0)
	if err != nil {
		j.t.Fatal(err)
	}
	j.t.Cleanup(func() { dev.Close() })
	v, err := luks.Load(context.Background(), dev)
	if err != nil {
		j.t.Error(err)
		return nil
	}
	return v
}

// contents decrypts the file system and compares every byte; what is equal to a clean one is clean.
func (j stepJudge) contents(when string, v *luks.Volume) {
	j.t.Helper()
	key, err := v.Unlock(context.Background(), []byte("one"), luks.UnlockOptions{})
	if err != nil {
		j.t.Errorf("%s: %v", when, err)
		return
	}
	defer key.Close()
	plain, err := v.Plaintext(v.Device(), key)
	if err != nil {
		j.t.Errorf("%s: %v", when, err)
		return
	}
	defer plain.Close()
	got := make([]byte, contents)
	if _, err := plain.ReadAt(got, 0); err != nil || !bytes.Equal(got, j.want) {
		j.t.Errorf("%s: the contents are not as they were (%v)", when, err)
	}
	decrypted := filepath.Join(j.dir, "decrypted")
	if err := os.WriteFile(decrypted, got, 0o600); err != nil {
		j.t.Fatal(err)
	}
	j.run(when, "e2fsck", "-fn", decrypted)
}
