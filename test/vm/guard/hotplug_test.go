// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"github.com/orthrus-luks/orthrus/udev"
)

// plugged is a disk that is damaged while nobody looks, and plugged in before the guard's eyes.
type plugged struct {
	name    string
	damage  func(t *testing.T, node string, whole []byte) // what is done to it
	mended  bool                                          // with repair = proven: as it was before
	says    string                                        // in the status, mended or not
	healthy bool

	uuid  string
	whole []byte // its beginning before the damage
	hurt  []byte // and after
}

// beginning is what is compared: both heads, the keyslots, and the start of the data.
const beginning = 2 * mib

func cases() []*plugged {
	return []*plugged{
		{name: "healthy", damage: func(*testing.T, string, []byte) {}, healthy: true},
		{name: "primary", damage: zero(0, headSize), mended: true, says: "primary header written"},
		{name: "secondary", damage: zero(headSize, headSize), mended: true, says: "secondary header written"},
		{name: "older", damage: olderSecondary, mended: true, says: "secondary header written"},
		{name: "foreign", damage: foreign, says: "signature of ext"},
	}
}

func zero(from, length int) func(*testing.T, string, []byte) {
	return func(t *testing.T, node string, _ []byte) { write(t, node, make([]byte, length), int64(from)) }
}

// olderSecondary leaves the secondary at the state before an update.
func olderSecondary(t *testing.T, node string, whole []byte) {
	run(t, "orthrus", "config", "--label", "newer", node)
	write(t, node, whole[headSize:2*headSize], headSize)
}

// foreign puts a real file system's superblock over the primary.
func foreign(t *testing.T, node string, _ []byte) {
	run(t, "dd", "if=/dev/zero", "of=/tmp/fs", "bs=1M", "count=8", "status=none")
	run(t, "mkfs.ext4", "-q", "-F", "/tmp/fs")
	image, err := os.ReadFile("/tmp/fs")
	if err != nil {
		t.Fatal(err)
	}
	write(t, node, image[:4096], 0)
}

// prepare lets a guard see every volume in order once, and damages them when it is gone.
func prepare(t *testing.T, list []*plugged) {
	nodes := map[*plugged]string{}
	for _, c := range list {
		nodes[c] = machine.Plug(t, machine.Disk{Name: c.name, Size: 8 * mib})
		c.uuid = format(t, nodes[c])
	}
	g := startGuard(t, "repair = proven")
	for _, c := range list {
		if v := volume(t, nodes[c]); v == nil || v.Verdict != "healthy" || v.UUID != c.uuid {
			t.Fatalf("%s: %+v", c.name, v)
		}
	}
	g.stop(t)
	for _, c := range list {
		c.whole = read(t, nodes[c], beginning)
		c.damage(t, nodes[c], c.whole)
		if c.name == "older" {
			now := read(t, nodes[c], beginning)
			c.whole = bytes.Clone(now) // the secondary as the newer primary is, but for magic and place
			copy(c.whole[headSize:2*headSize], now[:headSize])
			copy(c.whole[headSize:headSize+8], now[headSize:])
			copy(c.whole[headSize+256:headSize+264], now[headSize+256:])
		}
		c.hurt = read(t, nodes[c], beginning)
		machine.Unplug(t, c.name)
	}
}

// plugIn plugs the disk in and waits until the guard has dealt with it; took is the time since the
// event reached a socket of the same kind.
func (c *plugged) plugIn(t *testing.T, source udev.Source) (node string, took time.Duration) {
	t.Helper()
	m, err := udev.Listen(udev.Options{Source: source, Matches: []udev.Match{{Subsystem: "block", DevType: "disk"}}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	heard := make(chan time.Time, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), pace.Limit(20*time.Second))
		defer cancel()
		for {
			e, err := m.Receive(ctx)
			if err != nil {
				heard <- time.Time{}
				return
			}
			if e.Action == udev.Add {
				heard <- time.Now()
				return
			}
		}
	}()
	node = machine.Plug(t, machine.Disk{Name: c.name, Size: 8 * mib})
	event := <-heard
	if event.IsZero() {
		t.Fatal("no event")
	}
	if !pace.Await(10*time.Second, func() bool { return volume(t, node) != nil }) {
		t.Fatalf("%s: the guard says nothing", c.name)
	}
	return node, time.Since(event)
}

func writesTo(t *testing.T, node string) string {
	t.Helper()
	text, err := os.ReadFile("/sys/class/block/" + strings.TrimPrefix(node, "/dev/") + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(text))[4]
}

// judge holds the end against the policy.
func (c *plugged) judge(t *testing.T, node string, proven bool) {
	v := volume(t, node)
	mended := proven && c.mended
	text := fmt.Sprint(v.Findings, v.Did, v.Would, v.Because)
	got := read(t, node, beginning)
	switch {
	case c.healthy:
		if v.Verdict != "healthy" || v.Would != "" || writesTo(t, node) != "0" || !bytes.Equal(got, c.whole) {
			t.Errorf("%+v, %s writes", v, writesTo(t, node))
		}
		return
	case mended:
		if d := differs(got, c.whole, true); d != "" || v.Verdict != "healthy" || v.Undo == "" {
			t.Errorf("%s; %+v", d, v)
		}
	default:
		if !bytes.Equal(got, c.hurt) || v.Verdict != "healable" || v.Would != "repair" || writesTo(t, node) != "0" {
			t.Errorf("%s writes, %+v", writesTo(t, node), v)
		}
	}
	if (mended || !c.mended && proven) && !strings.Contains(text, c.says) {
		t.Errorf("does not say %q: %s", c.says, text)
	}
	if !proven && !strings.Contains(text, "repair = off") {
		t.Errorf("does not name the policy: %s", text)
	}
}

// patience is for an emulated processor of a quiet machine, and for the command that asks: test/guard holds the
// two seconds that are promised, natively.
const patience = 8 * time.Second

// hotplug plugs damaged disks in, under both policies.
func hotplug(t *testing.T, udevd bool) {
	source := udev.Kernel
	if udevd {
		startUdevd(t)
		source = udev.Udev
	}
	list := cases()
	prepare(t, list)
	for _, policy := range []string{"", "repair = proven"} {
		g := startGuard(t, policy)
		var times []time.Duration
		for _, c := range list {
			node, took := c.plugIn(t, source)
			times = append(times, took)
			if took > pace.Limit(patience) {
				t.Errorf("%s: %v after the event", c.name, took)
			}
			c.judge(t, node, policy != "")
		}
		t.Logf("policy %q: from event to report: longest %v of %d", policy, slices.Max(times), len(times))
		settled(t)
		if s := status(t); policy != "" && (s.Repairs != 3 || s.Failures != 0) {
			t.Errorf("%+v", s)
		}
		for _, c := range list {
			machine.Unplug(t, c.name)
		}
		machine.Eventually(t, 10*time.Second, "the guard lets go of them", func() bool { return len(status(t).Volumes) == 0 })
		g.stop(t)
	}
}

// settled waits until nothing is looked at any more: a repair is followed by one look, not by many.
func settled(t *testing.T) {
	t.Helper()
	before := status(t).Looks
	if !pace.Await(14*time.Second, func() bool {
		time.Sleep(700 * time.Millisecond)
		last := before
		before = status(t).Looks
		return before == last
	}) {
		t.Errorf("still looking after %d looks", before)
	}
}
