// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// taggedKinds are the combinations of cipher and integrity that a volume is made with.
var taggedKinds = []string{
	"--cipher aes-gcm-random --integrity aead",
	"--cipher aes-gcm-random --integrity aead --key-size 128",
	"--cipher aegis128-random --integrity aead --key-size 128",
	"--cipher chacha20-random --integrity poly1305",
	"--cipher chacha20-random --integrity poly1305 --integrity-legacy-padding",
	"--integrity hmac-sha256",
	"--integrity hmac-sha512 --key-size 256",
	"--cipher aes-xts-random --integrity hmac-sha256",
	"--cipher serpent-xts-plain64 --integrity hmac-sha1",
	"--cipher aes-xts-random --integrity none",
}

const (
	taggedSize = 6 * mib
	taggedData = 1 * mib // offset
)

func taggedModules(t *testing.T) {
	t.Helper()
	for _, module := range []string{"loop", "dm-crypt", "dm-integrity", "authenc", "hmac", "xts", "serpent_generic"} {
		machine.LoadModule(t, module)
	}
}

func taggedFormat(kind, sector, image string) []string {
	return words("luksFormat -q --type luks2 --key-file k1 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --offset 2048 " +
		"--uuid 11111111-2222-4333-8444-555555555555 --luks2-metadata-size 16k --luks2-keyslots-size 917504 --sector-size " +
		sector + " " + kind + " " + image)
}

// tagged opens a volume and shows what can be seen of both layers.
func (b *bench) tagged(p program, args ...string) (seen [2]mapped) {
	b.t.Helper()
	b.t.Cleanup(func() {
		_ = exec.Command("dmsetup", "remove", "--retry", "v").Run()
		_ = exec.Command("dmsetup", "remove", "--retry", "v_dif").Run()
	})
	b.must(p, append(append([]string{"open"}, args...), "v")...)
	return [2]mapped{b.seen("v"), b.seen("v_dif")}
}

func (b *bench) seen(name string) mapped {
	m := lookAt(b.t, name)
	m.table = loopNumber.ReplaceAllString(m.table, "LOOP")
	m.info = strings.ReplaceAll(m.info, "CRYPT-INTEGRITY-", "CRYPT-SUBDEV-") // before 2.8
	return m
}

// closed closes by a program, which must take both layers.
func (b *bench) closed(p program) {
	b.t.Helper()
	b.must(p, "close", "v")
	if left := dmsetup(b.t, "ls"); !strings.Contains(left, "No devices") {
		b.t.Errorf("%s has left: %s", p.name, left)
	}
}

// What each verb does with such a volume, or says why it does not.
func TestAuthenticatedVolumesInEveryVerb(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		taggedModules(t)
		them := real(t, "trixie")
		b := newBench(t)
		b.image("img", taggedSize)
		b.must(ours(), taggedFormat("--integrity hmac-sha256", "4096", "img")...)

		t.Run("modes and flags", func(t *testing.T) {
			b := &bench{t, b.dir}
			for _, args := range []string{
				"--integrity-no-journal", "--readonly", "--disable-keyring", "--perf-same_cpu_crypt",
				"--integrity-no-journal --persistent", "", "--persistent",
			} {
				one := b.tagged(ours(), words("--key-file k1 "+args+" img")...)
				b.closed(ours())
				other := b.tagged(them, words("--key-file k1 "+args+" img")...)
				b.closed(ours())
				if one != other {
					t.Errorf("%s:\n%+v\ncryptsetup:\n%+v", args, one, other)
				}
			}
			got := b.exits(ours(), 1, words("open --allow-discards --key-file k1 img v")...)
			if !strings.Contains(got.stderr, "Discard/TRIM is not supported.") {
				t.Error(got.stderr)
			}
		})
		t.Run("refresh, suspend, resume, resize", func(t *testing.T) {
			b := &bench{t, b.dir}
			b.tagged(ours(), "--key-file", "k1", "img")
			put(t, "/dev/mapper/v", "before")
			// cryptsetup before 2.8 refreshes only what has the uuid CRYPT-INTEGRITY-… below, as it gives it itself.
			b.must(ours(), words("refresh --integrity-no-journal --perf-no_read_workqueue --key-file k1 v")...)
			one := [2]mapped{b.seen("v"), b.seen("v_dif")}
			if !strings.Contains(one[1].table, " 32 D ") || !strings.Contains(one[0].table, "no_read_workqueue") {
				t.Errorf("%+v", one)
			}
			b.must(ours(), words("refresh --key-file k1 v")...)
			if two := b.seen("v_dif"); !strings.Contains(two.table, " 32 J ") {
				t.Errorf("%+v", two)
			}
			expect(t, "/dev/mapper/v", "before")
			b.must(ours(), "luksSuspend", "v")
			if info := dmsetup(t, "info", "-c", "--noheadings", "-o", "attr", "v", "v_dif"); strings.Count(info, "s") != 2 {
				t.Errorf("after suspend: %s", info)
			}
			b.must(them, words("luksResume --key-file k1 v")...)
			b.must(them, "luksSuspend", "v")
			b.must(ours(), words("luksResume --key-file k1 v")...)
			expect(t, "/dev/mapper/v", "before")
			for _, line := range []string{"resize --size 1024 --key-file k1 v", "resize --key-file k1 v"} {
				if got := b.exits(ours(), 1, words(line)...); !strings.Contains(got.stderr, "integrity protection") {
					t.Error(got.stderr)
				}
			}
			b.closed(ours())
		})
		t.Run("nothing stays where the upper layer fails", func(t *testing.T) {
			b := &bench{t, b.dir}
			b.image("other", taggedSize)
			sm4 := taggedFormat("--cipher sm4-xts-plain64 --integrity hmac-sha512", "512", "other")
			got := b.exits(ours(), 1, sm4...)
			if !strings.Contains(got.stderr, "Nothing was written") {
				t.Error(got.stderr)
			}
			if !bytes.Equal(b.content("other"), make([]byte, taggedSize)) {
				t.Error("something was written")
			}
			b.must(ours(), append(sm4, "--integrity-no-wipe")...)
			b.exits(ours(), 1, words("open --key-file k1 other v")...)
			if left := dmsetup(t, "ls"); !strings.Contains(left, "No devices") {
				t.Errorf("left: %s", left)
			}
		})
		t.Run("keys and headers", func(t *testing.T) {
			b := &bench{t, b.dir}
			one := "--pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1"
			b.must(ours(), words("luksAddKey -q "+one+" img k2")...)
			b.must(them, words("open --test-passphrase --key-file k2 img")...)
			b.must(ours(), words("luksHeaderBackup img --header-backup-file backup")...)
			b.must(ours(), words("luksKillSlot -q img 1")...)
			b.exits(them, 2, words("open --test-passphrase --key-file k2 img")...)
			b.must(ours(), words("luksHeaderRestore -q img --header-backup-file backup")...)
			b.must(ours(), words("luksKillSlot -q img 1")...) // for room: a key changes into another area
			b.must(ours(), words("luksChangeKey -q "+one+" img k3")...)
			b.must(them, words("open --test-passphrase --key-file k3 img")...)
			b.must(ours(), words("luksDump -q --dump-volume-key --volume-key-file vk --key-file k3 img")...)
			if len(b.content("vk")) != 96 {
				t.Errorf("a volume key of %d bytes", len(b.content("vk")))
			}
			b.tagged(ours(), words("--volume-key-file vk img")...)
			expect(t, "/dev/mapper/v", "before")
			b.closed(them)
			for line, says := range map[string]string{
				"convert -q --type luks1 img":                                          "",
				"reencrypt -q --key-file k3 img":                                       "",
				"far enable --key-file k3 img":                                         "authenticated",
				"grow --key-file k3 img":                                               "integrity protection",
				"shrink --device-size 4m --key-file k3 img":                            "integrity protection",
				"luksFormat -q --far-header --key-file k1 --integrity hmac-sha256 img": "authenticated",
			} {
				got := b.run(ours(), words(line)...)
				t.Logf("%s: exit %d, %s", line, got.code, got.stderr)
				if got.code == 0 || !strings.Contains(got.stderr, says) {
					t.Errorf("%s: exit %d, %s", line, got.code, got.stderr)
				}
			}
			b.tagged(them, "--key-file", "k3", "img")
			expect(t, "/dev/mapper/v", "before")
			b.closed(them)
		})
		t.Run("detached header", func(t *testing.T) {
			b := &bench{t, b.dir}
			b.image("data", taggedSize)
			b.must(ours(), words("luksFormat -q --key-file k1 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --cipher "+
				"aes-gcm-random --integrity aead --header head --sector-size 4096 data")...)
			one := b.tagged(ours(), words("--key-file k1 --header head data")...)
			put(t, "/dev/mapper/v", "apart")
			b.closed(ours())
			other := b.tagged(them, words("--key-file k1 --header head data")...)
			expect(t, "/dev/mapper/v", "apart")
			if one != other {
				t.Errorf("%+v\ncryptsetup:\n%+v", one, other)
			}
			b.closed(ours())
		})
	})
}

// Each formats, each of the others opens, and finds what the one before has written; tables, uuids and attributes of
// both layers are the same, whoever has opened. A sector that was changed is an error then, and no other.
func TestAuthenticatedVolumesGoBothWays(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		taggedModules(t)
		programs := []program{ours(), real(t, "bookworm"), real(t, "trixie")}
		opened, flipped := 0, 0
		for i, kind := range taggedKinds {
			for _, formatter := range []program{programs[0], programs[1+i%2]} {
				sector := []string{"4096", "512"}[(i+len(formatter.name))%2]
				t.Run(kind+" "+sector+" by "+formatter.name, func(t *testing.T) {
					b := newBench(t)
					b.image("img", taggedSize)
					b.must(formatter, taggedFormat(kind, sector, "img")...)
					if one, other := b.must(ours(), "luksDump", "img"), b.must(programs[1], "luksDump", "img"); one != other {
						t.Errorf("luksDump:\n%s\ncryptsetup's:\n%s", one, other)
					}
					want := make([]byte, 2*edge)
					var first [2]mapped
					for n, p := range programs {
						seen := b.tagged(p, "--key-file", "k1", "img")
						if n == 0 {
							first = seen
							t.Log(seen[0].table, seen[1].table, seen[0].info, seen[1].info)
						} else if seen != first {
							t.Errorf("%s:\n%+v\nours:\n%+v", p.name, seen, first)
						}
						got := b.readAll("v")
						if n == 0 && !strings.Contains(kind, "none") && !bytes.Equal(got, make([]byte, len(got))) {
							t.Error("a new volume has other data than zeros")
						} else if n > 0 && !bytes.Equal(append(got[:edge:edge], got[len(got)-edge:]...), want) {
							t.Errorf("%s finds other data", p.name)
						}
						want = pattern(p.name)
						put(t, "/dev/mapper/v", p.name)
						if n == 1 {
							b.statusAlike(p)
						}
						b.closed(programs[(n+1)%3])
						opened++
					}
					if !strings.Contains(kind, "none") {
						b.flippedIsAnError(sector, []program{programs[0], programs[1+i%2]})
						flipped++
					}
				})
			}
		}
		fmt.Printf("authenticated volumes: %d opened alike, a changed sector refused on %d\n", opened, flipped)
	})
}

var tagSizeLine = regexp.MustCompile(`(?m)^ *(integrity tag size|loop):.*\n`)

// statusAlike: 2.6 and 2.7 say nothing of the tag's size.
func (b *bench) statusAlike(p program) {
	b.t.Helper()
	one, other := b.must(ours(), "status", "v"), b.must(p, "status", "v")
	if looseTagged(one) != looseTagged(other) {
		b.t.Errorf("status:\n%s\ncryptsetup's:\n%s", one, other)
	}
}

func looseTagged(status string) string { return plainStatus(tagSizeLine.ReplaceAllString(status, "")) }

// flippedIsAnError changes a byte of a sector on the device.
func (b *bench) flippedIsAnError(sector string, programs []program) {
	b.t.Helper()
	raw := b.content("img")
	sb, err := integrity.ReadSuperblock(bytes.NewReader(raw), taggedData/512)
	if err != nil {
		b.t.Fatal(err)
	}
	l, err := sb.Layout(taggedData / 512)
	if err != nil {
		b.t.Fatal(err)
	}
	const logical = 16 // in 512-byte sectors
	b.flip("img", int(l.DataByte(logical))+100)
	for _, p := range programs {
		b.tagged(p, "--key-file", "k1", "img")
		node, err := os.Open("/dev/mapper/v")
		if err != nil {
			b.t.Fatal(err)
		}
		buf := make([]byte, 4096)
		if _, err := unix.Pread(int(node.Fd()), buf, logical*512); !errors.Is(err, unix.EILSEQ) && !errors.Is(err, unix.EIO) {
			b.t.Errorf("%s: a changed sector reads as %v", p.name, err)
		}
		if _, err := unix.Pread(int(node.Fd()), buf, 1<<20); err != nil {
			b.t.Errorf("%s: another sector: %v", p.name, err)
		}
		node.Close()
		b.closed(p)
	}
}
