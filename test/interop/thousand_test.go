// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// Images in one call of check.
const thousand = 1000

// TestCheckOfAThousandImages: one call reports on all of them, each file being one of a hundred different
// volumes; a damaged one among them sets the exit code. What it costs is printed.
func TestCheckOfAThousandImages(t *testing.T) {
	b := newBed(t)
	for i := range thousand / 10 {
		name := fmt.Sprintf("i%d.img", 10*i)
		b.image(name, 5<<19)
		b.must(bench.ours, words("luksFormat -q --key-file k1 --luks2-keyslots-size 512k "+costs+name)...)
		for j := 1; j < 10; j++ {
			if err := os.Link(b.path(name), b.path(fmt.Sprintf("i%d.img", 10*i+j))); err != nil {
				t.Fatal(err)
			}
		}
	}
	args := []string{"check"}
	for i := range thousand {
		args = append(args, fmt.Sprintf("i%d.img", i))
	}
	own(b)
	t.Setenv("GOMAXPROCS", "1")
	begin := time.Now()
	got := spend(b, args...)
	wall := time.Since(begin)
	if healthy := strings.Count(got.stdout, " state: healthy\n"); got.code != 0 || healthy != thousand {
		t.Fatalf("exit %d, %d healthy: %s", got.code, healthy, got.stderr)
	}
	fmt.Printf("check of %d images in one call: %.0f in a second of one processor (%v, %v by the clock), %d MiB\n",
		thousand, thousand/got.cpu.Seconds(), got.cpu.Round(time.Millisecond), wall.Round(time.Millisecond), got.memory>>10)
	wipe(b, "i500.img", 0, 512)
	if got := spend(b, args...); got.code != 6 || strings.Count(got.stdout, " state: healable\n") != 10 {
		t.Errorf("with a damaged one among them: exit %d", got.code)
	}
}
