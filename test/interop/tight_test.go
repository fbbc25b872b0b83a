// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// TestChangesInAFullAreaKeepTheFarHeaderInStep: heads were resized, so that the area holds two keyslots and no
// third, and each change takes a detour.
func TestChangesInAFullAreaKeepTheFarHeaderInStep(t *testing.T) {
	b := newBed(t)
	b.image("a.img", farImage)
	b.must(bench.ours, words("luksFormat -q --far-header --luks2-keyslots-size 1m --key-file k1 "+costs+"a.img")...)
	b.must(bench.ours, words("header resize --luks2-metadata-size 32k --luks2-keyslots-size 512k a.img")...)
	for i, key := range []string{"k1", "k2", "k3"} {
		if i > 0 {
			before := fmt.Sprint("k", i)
			b.must(bench.ours, words("luksChangeKey -q --key-file "+before+" "+costs+"a.img "+key)...)
		}
		if out := b.must(bench.ours, "far", "status", "a.img"); !strings.Contains(out, "in step") {
			t.Error(out)
		}
		b.copy("a.img", "lost.img")
		b.wipe("lost.img", 64<<10)
		b.must(bench.ours, words("repair --from-far -q lost.img")...)
		for _, image := range []string{"a.img", "lost.img"} {
			if left := b.opening(image, "k1", "k2", "k3"); !slices.Equal(left, []string{key}) {
				t.Errorf("%s after the change to %s: %q open", image, key, left)
			}
		}
	}
}

// TestAFullAreaOfADetachedHeaderStaysInsideItsFile: with the data's offset behind the header, the room up to the
// data is no room of the header's file.
func TestAFullAreaOfADetachedHeaderStaysInsideItsFile(t *testing.T) {
	for _, size := range []int64{2 << 20, 4 << 20, 20 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			b := newBed(t)
			b.image("data.img", 1<<20)
			b.image("a.img", size)
			b.must(bench.ours, words("luksFormat -q --header a.img --offset 2097152 --luks2-keyslots-size 512k "+
				"--key-file k1 "+costs+"data.img")...)
			b.must(bench.ours, words("luksAddKey -q --key-file k1 "+costs+"a.img k2")...)
			b.must(bench.ours, words("luksHeaderBackup a.img --header-backup-file backup")...)
			b.must(bench.ours, words("luksChangeKey -q --key-file k1 "+costs+"a.img k3")...)
			for _, args := range []string{"a.img", "--header a.img data.img"} {
				if left := b.opening(args, "k1", "k2", "k3"); !slices.Equal(left, []string{"k2", "k3"}) {
					t.Errorf("%s: %q open", args, left)
				}
			}
			b.must(bench.ours, words("repair -q a.img")...)
			b.must(bench.ours, words("luksKillSlot -q --key-file k2 a.img 0")...)
			b.must(bench.ours, words("luksHeaderRestore -q --header-backup-file backup a.img")...)
			if left := b.opening("a.img", "k1", "k2", "k3"); !slices.Equal(left, []string{"k1", "k2"}) {
				t.Errorf("after the restore %q open", left)
			}
		})
	}
}

// wipe zeroes the start of an image.
func (b *bed) wipe(name string, length int64) {
	b.t.Helper()
	f, err := os.OpenFile(b.path(name), os.O_WRONLY, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	_, err = f.WriteAt(make([]byte, length), 0)
	if err = errors.Join(err, f.Close()); err != nil {
		b.t.Fatal(err)
	}
}
