// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
)

// rest is how much of the processor may be counted in two seconds of doing nothing: the kernel counts in ticks of
// 10 ms, and charges one to whoever runs when it ends.
const rest = 5 * 10 * time.Millisecond

// rest is the least that the guard used of the processor in two seconds: others may plug devices, which it looks at.
func (d *daemon) rest(t *testing.T) time.Duration {
	t.Helper()
	least := time.Duration(1<<63 - 1)
	for range 5 {
		used := d.processor(t)
		time.Sleep(2 * time.Second)
		if least = min(least, d.processor(t)-used); least <= rest {
			break
		}
	}
	return least
}

// Many volumes: all are looked at, in a time that is printed; rest costs nothing, and a change costs one
// look.
func TestManyImages(t *testing.T) {
	count := part.Count(t, "images", 1000, 100)
	g := newGuarded(t, "repair = proven")
	for i := range count {
		image, _ := newVolume(t, i)
		put(t, g.image(fmt.Sprintf("%04d", i)), image)
	}
	d := g.start(t)
	took, err := time.ParseDuration(regexp.MustCompile(`looked at","took":"([^"]+)"`).FindStringSubmatch(d.log(t))[1])
	if err != nil {
		t.Fatal(err)
	}
	before := d.quiet(t)
	if healthy := before.healthyBelow(g.images); healthy != count {
		t.Fatalf("%d of %d volumes are healthy", healthy, count)
	}
	used := d.processor(t)
	idle := d.rest(t)
	before = d.quiet(t)
	t.Logf("%d volumes: looked at in %v (%v of the processor since the start); %v of the processor in 2 s of rest; at most %d KiB resident", count, took, used, idle, d.memory(t, "VmHWM"))
	if idle > rest {
		t.Errorf("%v of the processor in rest", idle)
	}
	if err := os.Chtimes(g.image("0007"), time.Now(), time.Now()); err != nil { // no writer, no look
		t.Fatal(err)
	}
	f, err := os.OpenFile(g.image("0007"), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_ = f.Close()
	await(t, 20*time.Second, "the change is seen", func() bool { return d.status(t).Looks > before.Looks })
	if now := d.quiet(t); now.Looks-before.Looks > 1+now.Events-before.Events { // others may plug devices meanwhile
		t.Errorf("%d looks after one change and %d events", now.Looks-before.Looks, now.Events-before.Events)
	}
	d.stop(t)
}

// Sixty volumes damaged at once are all mended, and the others are not written to.
func TestSixtyVolumesDamagedAtOnce(t *testing.T) {
	const damaged, others = 60, 20
	g := newGuarded(t, "repair = proven")
	for i := range damaged + others {
		image, _ := newVolume(t, i)
		put(t, g.image(fmt.Sprintf("%04d", i)), image)
	}
	d := g.start(t)
	past := time.Now().Add(-time.Hour)
	for i := range others {
		if err := os.Chtimes(g.image(fmt.Sprintf("%04d", damaged+i)), past, past); err != nil {
			t.Fatal(err)
		}
	}
	d.quiet(t)
	began := time.Now()
	for i := range damaged {
		overwrite(t, g.image(fmt.Sprintf("%04d", i)), make([]byte, headSize), int64(i%2*headSize))
	}
	await(t, time.Minute, "all are mended", func() bool { return d.status(t).Repairs >= damaged })
	took := time.Since(began)
	r := d.quiet(t)
	if r.healthyBelow(g.images) != damaged+others || r.Repairs != damaged || r.Failures != 0 {
		t.Errorf("%d healthy, %d repairs, %d failures", r.healthyBelow(g.images), r.Repairs, r.Failures)
	}
	for i := range others {
		if info, err := os.Stat(g.image(fmt.Sprintf("%04d", damaged+i))); err != nil || !info.ModTime().Equal(past) {
			t.Errorf("a healthy volume was written to: %v", err)
		}
	}
	t.Logf("%d volumes damaged at once, mended in %v; %d others untouched; at most %d KiB resident", damaged, took, others, d.memory(t, "VmHWM"))
	d.stop(t)
}
