// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"github.com/orthrus-luks/orthrus/udev"
)

func disks() []udev.Match { return []udev.Match{{Subsystem: "block", DevType: "disk"}} }

func uevents(t *testing.T, source udev.Source) *udev.Monitor {
	t.Helper()
	m, err := udev.Listen(udev.Options{Source: source, Matches: disks()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// await returns the first event that is wanted.
func await(t *testing.T, m *udev.Monitor, what string, wanted func(udev.Event) bool) udev.Event {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(20*time.Second))
	defer cancel()
	for {
		e, err := m.Receive(ctx)
		if err != nil {
			t.Fatalf("%v: waiting for %s: %v, %+v", m.Source(), what, err, m.Stats())
		}
		if wanted(e) {
			return e
		}
	}
}

func TestUdevHotplug(t *testing.T) {
	vm := machine.Boot(t, udevConfig())
	vm.Step(t, "without udevd", func(t *testing.T) {
		if (udev.System{}).UdevRunning() {
			t.Error("udevd is said to run")
		}
		hotplug(t, "bare", uevents(t, udev.Kernel))
		latency(t, uevents(t, udev.Kernel))
	})
	vm.Step(t, "with udevd", func(t *testing.T) {
		startUdevd(t)
		if !(udev.System{}).UdevRunning() {
			t.Error("udevd is said not to run")
		}
		hotplug(t, "ruled", uevents(t, udev.Kernel), uevents(t, udev.Udev))
		latency(t, uevents(t, udev.Kernel))
		latency(t, uevents(t, udev.Udev))
		writerCloses(t, uevents(t, udev.Udev))
	})
	vm.Step(t, "after udevd was killed", func(t *testing.T) {
		if _, err := os.Stat("/run/udev/control"); err != nil {
			t.Errorf("no socket was left: %v", err)
		}
		if (udev.System{}).UdevRunning() {
			t.Error("udevd is said to run")
		}
	})
}

// hotplug has a disk come, grow and go, and every monitor see it.
func hotplug(t *testing.T, name string, monitors ...*udev.Monitor) {
	node := machine.Plug(t, machine.Disk{Name: name, Size: 8 << 20})
	added := map[*udev.Monitor]udev.Event{}
	for _, m := range monitors {
		e := await(t, m, "add", func(e udev.Event) bool { return e.Action == udev.Add && e.DevName == node })
		if e.Major == 0 || e.DiskSeq == 0 || e.Seqnum == 0 || e.Synthetic != "" {
			t.Errorf("%v: %+v", m.Source(), e)
		}
		if links, _ := e.Properties.Get("DEVLINKS"); strings.Contains(links, "/dev/disk/by-id/virtio-"+name) != (m.Source() == udev.Udev) {
			t.Errorf("%v: links %q", m.Source(), links)
		}
		added[m] = e
	}
	machine.Resize(t, name, 16<<20)
	for _, m := range monitors {
		e := await(t, m, "resize", func(e udev.Event) bool { return e.Resized() })
		if e.Action != udev.Change || e.DevPath != added[m].DevPath || e.DiskSeq != added[m].DiskSeq {
			t.Errorf("%v: %+v", m.Source(), e)
		}
	}
	machine.Unplug(t, name)
	for _, m := range monitors {
		e := await(t, m, "remove", func(e udev.Event) bool { return e.Action == udev.Remove })
		if e.DevPath != added[m].DevPath || e.DiskSeq != added[m].DiskSeq {
			t.Errorf("%v: %+v", m.Source(), e)
		}
		if s := m.Stats(); s.Forged+s.Malformed+s.Truncated+s.Overruns != 0 {
			t.Errorf("%v: %+v", m.Source(), s)
		}
	}
}

// latency measures from the write that makes the kernel send an event to its arrival.
func latency(t *testing.T, m *udev.Monitor) {
	node := machine.Plug(t, machine.Disk{Name: "late", Size: 8 << 20})
	await(t, m, "add", func(e udev.Event) bool { return e.Action == udev.Add })
	var took []time.Duration
	for range 20 {
		uuid, start := udev.NewUUID(), time.Now()
		if err := (udev.System{}).Trigger("/class/block/"+strings.TrimPrefix(node, "/dev/"), udev.Change, uuid); err != nil {
			t.Fatal(err)
		}
		await(t, m, "synthetic event", func(e udev.Event) bool { return e.Synthetic == uuid })
		took = append(took, time.Since(start))
	}
	machine.Unplug(t, "late")
	slices.Sort(took)
	t.Logf("latency of the %v group: median %v, longest %v", m.Source(), took[len(took)/2], took[len(took)-1])
	if took[len(took)/2] > pace.Limit(2*time.Second) {
		t.Errorf("%v", took)
	}
}

// writerCloses sees the event that udevd makes when somebody who could write closes the node.
func writerCloses(t *testing.T, m *udev.Monitor) {
	node := machine.Plug(t, machine.Disk{Name: "written", Size: 8 << 20})
	await(t, m, "add", func(e udev.Event) bool { return e.Action == udev.Add })
	settle(t)
	if err := os.WriteFile(node, []byte("x"), 0); err != nil {
		t.Fatal(err)
	}
	e := await(t, m, "change", func(e udev.Event) bool { return e.Action == udev.Change })
	if e.Synthetic == "" || e.Resized() {
		t.Errorf("%+v", e)
	}
	machine.Unplug(t, "written")
}

func TestUdevColdplugIsWhatUdevadmSays(t *testing.T) {
	config := udevConfig()
	config.Disks = []machine.Disk{{Name: "a", Size: 8 << 20}, {Name: "b", Size: 8 << 20}}
	vm := machine.Boot(t, config)
	vm.Step(t, "compare", func(t *testing.T) {
		startUdevd(t)
		machine.LoadModule(t, "dm-zero")
		for _, command := range [][]string{{"udevadm", "trigger", "--action=add"}, {"udevadm", "settle"}, {"dmsetup", "create", "cold", "--table", "0 2048 zero"}, {"udevadm", "settle"}} {
			if out, err := exec.Command(command[0], command[1:]...).CombinedOutput(); err != nil {
				t.Fatalf("%v: %v: %s", command, err, out)
			}
		}
		theirs, ours := exportedDatabase(t), map[string]map[string]string{}
		records := 0
		for e, err := range (udev.System{}).Coldplug(t.Context()) {
			if err != nil {
				t.Errorf("%v", err)
				continue
			}
			ours[e.DevPath] = propertiesOf(e)
			if _, known := e.Properties.Get("USEC_INITIALIZED"); known {
				records++
			}
		}
		for path, want := range theirs {
			if got := ours[path]; !maps.Equal(got, want) {
				t.Errorf("%s:\nudevadm %v\nours    %v", path, want, got)
			}
		}
		for path := range ours {
			if theirs[path] == nil {
				t.Errorf("%s is not known to udevadm", path)
			}
		}
		t.Logf("%d devices, %d with a record of udevd's", len(ours), records)
		if len(ours) < 50 || records < 10 {
			t.Error("too few to compare")
		}
	})
}

// propertiesOf is a device's properties with the node's name absolute and lists in order.
func propertiesOf(e udev.Event) map[string]string {
	properties := map[string]string{}
	for key, value := range e.Properties.All() {
		properties[key] = ordered(key, value)
	}
	if e.DevName != "" {
		properties["DEVNAME"] = e.DevName
	}
	return properties
}

func ordered(key, value string) string {
	separator := map[string]string{"DEVLINKS": " ", "TAGS": ":", "CURRENT_TAGS": ":"}[key]
	if separator == "" {
		return value
	}
	words := strings.Split(value, separator)
	slices.Sort(words)
	return strings.Join(words, separator)
}

// exportedDatabase reads "udevadm info --export-db": a paragraph per device, P: is its path, E: a property.
// It has drivers, modules and buses besides devices.
func exportedDatabase(t *testing.T) map[string]map[string]string {
	t.Helper()
	out, err := exec.Command("udevadm", "info", "--export-db").Output()
	if err != nil {
		t.Fatal(err)
	}
	devices := map[string]map[string]string{}
	for paragraph := range strings.SplitSeq(string(out), "\n\n") {
		properties := map[string]string{}
		for line := range strings.SplitSeq(paragraph, "\n") {
			if pair, ok := strings.CutPrefix(line, "E: "); ok {
				key, value, _ := strings.Cut(pair, "=")
				properties[key] = ordered(key, value)
			}
		}
		if path := properties["DEVPATH"]; strings.HasPrefix(path, "/devices/") {
			devices[path] = properties
		}
	}
	return devices
}
