// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"encoding/json"
	"os"
	"strings"
	"testing"
)

// farBed is a volume with a far header in a.img, and where that lies.
type farBed struct {
	*bed
	body, length, locator int64
}

const farImage = 40 << 20

func newFarBed(t *testing.T) *farBed {
	t.Helper()
	b := &farBed{bed: newBed(t)}
	b.image("a.img", farImage)
	b.must(bench.ours, join(words("luksFormat -q --far-header --luks2-keyslots-size 1m --key-file k1"), cheap("pbkdf2"), words("a.img"))...)
	b.fill()
	b.locate()
	return b
}

// locate reads where the far header lies.
func (b *farBed) locate() {
	b.t.Helper()
	var report struct {
		Far struct {
			Body    int64 `json:"body_offset"`
			Length  int64 `json:"body_length"`
			Locator int64 `json:"locator_offset"`
		} `json:"far_header"`
	}
	if err := json.Unmarshal([]byte(b.must(bench.ours, words("far status --json a.img")...)), &report); err != nil {
		b.t.Fatal(err)
	}
	b.body, b.length, b.locator = report.Far.Body, report.Far.Length, report.Far.Locator
}

// fill gives the data bytes of its own.
func (b *farBed) fill() {
	b.t.Helper()
	b.patch(farData, bytes.Repeat([]byte("data"), 1<<20))
}

const farData = 2 << 20 // where the data begins

func (b *farBed) patch(at int64, p []byte) {
	b.t.Helper()
	f, err := os.OpenFile(b.path("a.img"), os.O_WRONLY, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	if _, err := f.WriteAt(p, at); err != nil {
		b.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.t.Fatal(err)
	}
}

// behind are all bytes behind the header: the data, the far header, and what is around it.
func (b *farBed) behind() []byte { return b.read("a.img")[farData:] }

// says runs ours, wants an exit code, and words in either stream.
func (b *farBed) says(code int, want string, args ...string) {
	b.t.Helper()
	r := b.exits(bench.ours, code, args...)
	if text := r.stdout + r.stderr; !strings.Contains(text, want) {
		b.t.Errorf("%s says %q, want %q", strings.Join(args, " "), text, want)
	}
}

func (b *farBed) untouched(what string, do func()) {
	b.t.Helper()
	before := b.behind()
	do()
	if !bytes.Equal(before, b.behind()) {
		b.t.Errorf("%s: a byte behind the header changed", what)
	}
}

// eachPeer runs a test with both releases.
func eachPeer(t *testing.T, test func(t *testing.T, peer tool)) {
	for _, peer := range []tool{bench.bookworm, bench.trixie} {
		t.Run(peer.name, func(t *testing.T) {
			t.Parallel()
			test(t, peer)
		})
	}
}

func TestFarHeaderIsAHeaderAndABackupForCryptsetup(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		b.must(bench.ours, join(words("luksAddKey -q --key-file k1 a.img k2"), cheap("pbkdf2"))...)
		b.must(peer, words("luksDump a.img")...)
		image := b.read("a.img")
		b.write("body", string(image[b.body:b.body+b.length]))
		b.untouched("losing the heads", func() { b.patch(0, make([]byte, farData)) })
		b.exits(peer, 1, words("isLuks a.img")...)
		for _, key := range []string{"k1", "k2"} {
			b.must(peer, words("open --test-passphrase --header body a.img --key-file "+key)...)
		}
		b.untouched("restoring", func() { b.must(peer, words("luksHeaderRestore -q --header-backup-file body a.img")...) })
		b.must(peer, words("open --test-passphrase a.img --key-file k2")...)
		b.says(0, "in step", words("far status a.img")...)
		if got := b.read("a.img"); !bytes.Equal(got[:548864], image[:548864]) { // heads and two keyslots
			t.Error("the restored header is another one")
		}
	})
}

func TestWhatCryptsetupChangesIsSynced(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		b.untouched("changes of cryptsetup", func() {
			b.must(peer, join(words("luksAddKey -q --key-file k1 a.img k2"), cheap("pbkdf2"))...)
			b.must(peer, words("luksKillSlot -q --key-file k2 a.img 0")...)
			b.must(peer, words("config --label there a.img")...)
		})
		b.says(6, "material of 1 keyslots", words("far status a.img")...)
		b.must(bench.ours, words("far sync a.img")...)
		b.says(0, "in step", words("far status a.img")...)
		image := b.read("a.img")
		if area := image[b.body+32<<10 : b.body+290816]; len(bytes.Trim(area, "\x00")) != 0 {
			t.Error("the killed keyslot is left in the far header")
		}
		b.write("body", string(image[b.body:b.body+b.length]))
		b.must(peer, words("open --test-passphrase --header body a.img --key-file k2")...)
		b.exits(peer, 2, words("open --test-passphrase --header body a.img --key-file k1")...)
	})
}

func TestHeaderThatCryptsetupRestoredStopsEveryWriteOfTheFarHeader(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		b.must(peer, words("luksHeaderBackup --header-backup-file backup a.img")...)
		for range 3 {
			b.must(bench.ours, join(words("luksAddKey -q --key-file k1 a.img k2"), cheap("pbkdf2"))...)
			b.must(bench.ours, words("luksKillSlot -q --key-file k1 a.img 1")...)
		}
		b.untouched("a header restored by cryptsetup", func() {
			b.must(peer, words("luksHeaderRestore -q --header-backup-file backup a.img")...)
			b.says(6, "newer than the heads", words("far status a.img")...)
			b.says(1, "restored from a backup", words("far sync a.img")...)
			b.says(1, "restored from a backup", words("far disable a.img")...)
			b.says(0, "restored from a backup", words("config --label x a.img")...)
			b.must(bench.ours, words("open --test-passphrase a.img --key-file k1")...)
		})
	})
}

func TestHeaderFromBeforeTheFarHeaderLeavesItAForgottenCopy(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		b.must(bench.ours, words("far disable a.img")...)
		b.must(peer, words("luksHeaderBackup --header-backup-file backup a.img")...)
		b.copy("a.img", "before.img")
		b.must(bench.ours, join(words("luksFormat -q --far-header --luks2-keyslots-size 1m --key-file k1 --uuid"),
			words(strings.TrimSpace(b.must(peer, words("luksUUID a.img")...))), cheap("pbkdf2"), words("a.img"))...)
		b.untouched("an older header restored by cryptsetup", func() {
			b.must(peer, words("luksHeaderRestore -q --header-backup-file backup a.img")...)
			b.says(6, "forgotten copy with key material", words("far status a.img")...)
			b.says(6, "forgotten far header with key material", words("check a.img")...)
		})
		b.must(bench.ours, words("far sync a.img")...)
		b.says(1, "none", words("far status a.img")...)
		if tail := b.read("a.img")[b.body:]; len(bytes.Trim(tail, "\x00")) != 0 {
			t.Error("sync leaves something of the forgotten copy")
		}
	})
}

// TestFarHeaderFollowsAUUIDThatCryptsetupChanged: it is known by the volume key's digest then.
func TestFarHeaderFollowsAUUIDThatCryptsetupChanged(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		uuid := strings.TrimSpace(b.must(peer, words("luksUUID a.img")...))
		for _, next := range []string{"99999999-8888-4777-8666-555555555555", uuid} {
			b.untouched("another UUID", func() { b.must(peer, words("luksUUID -q --uuid "+next+" a.img")...) })
			b.says(6, "stale", words("far status a.img")...)
			b.must(bench.ours, words("far sync a.img")...)
			b.says(0, "in step", words("far status a.img")...)
		}
		b.must(peer, words("luksUUID -q --uuid 99999999-8888-4777-8666-555555555555 a.img")...)
		b.must(bench.ours, join(words("luksAddKey -q --key-file k1"), cheap("pbkdf2"), words("a.img k2"))...)
		b.must(peer, words("luksUUID -q --uuid "+uuid+" a.img")...)
		b.must(bench.ours, words("luksRemoveKey -q a.img k2")...)
		b.says(0, "in step", words("far status a.img")...)
	})
}

func TestEraseAndFormatOfCryptsetupLeaveTheFarHeader(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		b.untouched("luksErase of cryptsetup", func() { b.must(peer, words("luksErase -q a.img")...) })
		b.says(6, "material of 1 keyslots", words("far status a.img")...)
		b.must(bench.ours, words("far sync a.img")...)
		b.says(0, "in step", words("far status a.img")...)
		b.untouched("luksFormat of cryptsetup", func() {
			b.must(peer, join(words("luksFormat -q --luks2-keyslots-size 1m --key-file k2"), cheap("pbkdf2"), words("a.img"))...)
			b.says(1, "none", words("far status a.img")...)
			b.says(1, "no far header", words("far sync a.img")...)
		})
		b.must(bench.ours, join(words("luksFormat -q --luks2-keyslots-size 1m --key-file k1"), cheap("pbkdf2"), words("a.img"))...)
		if tail := b.read("a.img")[b.body:]; len(bytes.Trim(tail, "\x00")) != 0 {
			t.Error("our luksFormat leaves the far header of an earlier volume")
		}
	})
}
