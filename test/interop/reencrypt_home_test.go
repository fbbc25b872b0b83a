// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"crypto/rand"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
)

// runs are the ways in which a reencryption is begun by cryptsetup, on a volume with 512 byte or 4096 byte sectors.
var runs = map[string]struct{ format, begin string }{
	"checksum":         {"", "--resilience checksum"},
	"journal":          {"--cipher aes-cbc-essiv:sha256 --key-size 256", "--resilience journal"},
	"checksum of 4096": {"--sector-size 4096", "--resilience checksum --hash sha512"},
	"other cipher":     {"--cipher aes-cbc-essiv:sha256 --key-size 256", "--cipher aes-xts-plain64 --resilience checksum"},
	"backward shift":   {"", "--reduce-device-size 1m"},
}

// begun is a volume with known data whose reencryption cryptsetup has only begun.
func (b *bed) begun(t *testing.T, peer tool, name string) []byte {
	t.Helper()
	kind := runs[name]
	b.image("a.img", 24<<20)
	b.must(peer, words("luksFormat -q --type luks2 --key-file k1 --luks2-keyslots-size 1m --offset 8192 "+costs+
		kind.format+" a.img")...)
	data := make([]byte, 16<<20)
	if _, err := rand.Read(data); err != nil {
		t.Fatal(err)
	}
	b.plain(t, func(p *luks.Plaintext) error {
		_, err := p.WriteAt(data, 0)
		return err
	})
	b.must(peer, words("reencrypt -q --init-only --force-offline-reencrypt --key-file k1 --pbkdf-force-iterations 1000 "+
		"--pbkdf pbkdf2 "+kind.begin+" a.img")...)
	return data
}

// plain works on the data of a.img, unlocked with k1.
func (b *bed) plain(t *testing.T, do func(p *luks.Plaintext) error) {
	t.Helper()
	file, err := luks.OpenDevice(b.path("a.img"), luks.DeviceOptions{Write: true})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	v, err := luks.Load(t.Context(), file)
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Unlock(t.Context(), b.read("k1"), luks.UnlockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	p, err := v.Plaintext(file, key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	if err := do(p); err != nil {
		t.Fatal(err)
	}
}

// whole fails unless the volume is finished and holds the data.
func (b *bed) whole(t *testing.T, peer tool, data []byte) {
	t.Helper()
	b.exits(peer, 0, words("open --test-passphrase --key-file k1 a.img")...)
	b.plain(t, func(p *luks.Plaintext) error {
		got, err := io.ReadAll(io.NewSectionReader(p, 0, int64(len(data))))
		if err == nil && !bytes.Equal(got, data) {
			t.Error("the data differ")
		}
		return err
	})
}

// TestWeEndWhatCryptsetupBegan: a run that cryptsetup has begun is brought to its end, and it opens the volume.
func TestWeEndWhatCryptsetupBegan(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		for name := range runs {
			t.Run(name, func(t *testing.T) {
				b := newBed(t)
				data := b.begun(t, peer, name)
				b.must(bench.ours, words("reencrypt -q --resume-only --key-file k1 a.img")...)
				b.whole(t, peer, data)
				b.exits(peer, 1, words("reencrypt -q --resume-only --key-file k1 a.img")...)
			})
		}
	})
}

// TestADetachedHeaderIsNotTheDataOfItsRun: the run of a detached header begins at byte 0 of its data, which is where
// the header itself lies, if that is named alone.
func TestADetachedHeaderIsNotTheDataOfItsRun(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newBed(t)
		b.image("a.img", 5<<20)
		b.must(peer, words("luksFormat -q --type luks2 --key-file k1 --luks2-keyslots-size 1m "+costs+
			" --header h.img a.img")...)
		b.must(peer, words("reencrypt -q --init-only --force-offline-reencrypt --key-file k1 --pbkdf-force-iterations 1000 "+
			"--pbkdf pbkdf2 --resilience journal --header h.img a.img")...)
		before := b.read("h.img")
		for _, line := range []string{"reencrypt -q --resume-only --key-file k1 h.img", "repair -q --key-file k1 h.img"} {
			b.exits(bench.ours, 1, words(line)...)
			if !bytes.Equal(before, b.read("h.img")) {
				t.Fatalf("%s: the header is another", line)
			}
		}
		b.must(bench.ours, words("reencrypt -q --resume-only --key-file k1 --header h.img a.img")...)
		b.exits(peer, 0, words("open --test-passphrase --key-file k1 --header h.img a.img")...)
	})
}

// TestCryptsetupGoesOnWhereWeWereKilled: our run, killed at any moment, is one of cryptsetup's own, but for the last
// zone of a backward run, which its repair does not end.
func TestCryptsetupGoesOnWhereWeWereKilled(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		for name := range runs {
			t.Run(name, func(t *testing.T) {
				killed := 0
				for i := range 4 {
					b := newBed(t)
					data := b.begun(t, peer, name)
					killed += b.kill(t, time.Duration(50+150*i)*time.Millisecond)
					if name == "backward shift" {
						b.must(bench.ours, words("repair -q --key-file k1 a.img")...)
					} else {
						b.run(peer, words("repair -q --key-file k1 a.img")...)
					}
					b.run(peer, words("reencrypt -q --resume-only --force-offline-reencrypt --key-file k1 a.img")...)
					b.whole(t, peer, data)
				}
				t.Logf("%d of 4 runs were killed", killed)
			})
		}
	})
}

// kill starts to resume, and kills that after a while; it says whether the run was not at its end by then.
func (b *bed) kill(t *testing.T, after time.Duration) int {
	t.Helper()
	cmd := exec.Command(bench.ours.path, words("reencrypt -q --resume-only --key-file k1 a.img")...)
	cmd.Dir, cmd.Stderr = b.dir, os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	timer := time.AfterFunc(after, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	if err := cmd.Wait(); err != nil {
		return 1
	}
	return 0
}

// TestARunOverTheFarHeaderWaits: once under way, a run of cryptsetup's lets the new data end where the device ends.
func TestARunOverTheFarHeaderWaits(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		data := make([]byte, 16<<20)
		if _, err := rand.Read(data); err != nil {
			t.Fatal(err)
		}
		b.plain(t, func(p *luks.Plaintext) error {
			_, err := p.WriteAt(data, 0)
			return err
		})
		b.must(peer, words("reencrypt -q --init-only --force-offline-reencrypt --key-file k1 --pbkdf-force-iterations 1000 "+
			"--pbkdf pbkdf2 a.img")...)
		cmd := exec.Command(peer.path, words("reencrypt -q --resume-only --force-offline-reencrypt --hotzone-size 4096 "+
			"--key-file k1 a.img")...)
		cmd.Dir, cmd.SysProcAttr = b.dir, &syscall.SysProcAttr{Setpgid: true} // the peer may be a script around it
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		for range 100 { // until it is under way
			time.Sleep(100 * time.Millisecond)
			if strings.Contains(b.run(bench.ours, words("far status a.img")...).stdout, "reaches over it") {
				break
			}
		}
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		b.run(peer, words("repair -q --key-file k1 a.img")...)
		b.exits(peer, 0, words("isLuks a.img")...)
		b.untouched("a run over the far header", func() {
			b.says(1, "over the far header", words("reencrypt -q --resume-only --key-file k1 a.img")...)
		})
		b.must(bench.ours, words("far disable a.img")...)
		b.must(bench.ours, words("reencrypt -q --resume-only --key-file k1 a.img")...)
		b.whole(t, peer, data)
		b.must(bench.ours, words("check a.img")...)
	})
}
