// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"fmt"
	"os"
	"regexp"
	"testing"
	"time"
)

// Many volumes: the first look at all of them is quick, rest costs nothing, and a change costs one
// look.
func TestManyImages(t *testing.T) {
	count := long(100, 1000)
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
	if len(before.Volumes) != count || before.Failures != 0 {
		t.Fatalf("%d volumes, %d failures", len(before.Volumes), before.Failures)
	}
	used := d.processor(t)
	time.Sleep(2 * time.Second)
	idle := d.processor(t) - used
	t.Logf("%d volumes: looked at in %v (%v of the processor since the start); %v of the processor in 2 s of rest; at most %d KiB resident", count, took, used, idle, d.memory(t, "VmHWM"))
	if min(took, used) > 5*time.Second { // where others keep the machine busy, our own time counts
		t.Errorf("the first look took %v, %v of the processor", took, used)
	}
	if idle > 0 {
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
	if now := d.quiet(t); now.Looks != before.Looks+1 {
		t.Errorf("%d looks after one change", now.Looks-before.Looks)
	}
	d.stop(t)
}
