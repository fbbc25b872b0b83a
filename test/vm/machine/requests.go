// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
)

// request is what a test inside asks of the host: one JSON line, one answered.
type request struct {
	Op   string // plug, unplug, resize
	Disk Disk
}

type answer struct {
	Error string
}

// answerRequests serves the guest until the connection ends.
func (m *Machine) answerRequests(conn net.Conn) {
	defer conn.Close()
	dec, enc := json.NewDecoder(conn), json.NewEncoder(conn)
	for {
		var r request
		if dec.Decode(&r) != nil {
			return
		}
		var a answer
		if err := m.carryOut(r); err != nil {
			a.Error = err.Error()
		}
		if enc.Encode(a) != nil {
			return
		}
	}
}

func (m *Machine) carryOut(r request) error {
	ctx, cancel := context.WithTimeout(context.Background(), pace.Limit(hotplugTimeout))
	defer cancel()
	switch r.Op {
	case "plug":
		return m.Plug(ctx, r.Disk)
	case "unplug":
		return m.Unplug(ctx, r.Disk.Name)
	case "resize":
		return m.Resize(ctx, r.Disk.Name, r.Disk.Size)
	}
	return fmt.Errorf("machine: unknown request %q", r.Op)
}

// ask sends a request from inside the guest.
func ask(r request) error {
	port, err := openPort(requestPort)
	if err != nil {
		return fmt.Errorf("machine: ask the host: %w", err)
	}
	defer port.Close()
	if err := json.NewEncoder(port).Encode(r); err != nil {
		return fmt.Errorf("machine: ask the host: %w", err)
	}
	var a answer
	if err := json.NewDecoder(port).Decode(&a); err != nil {
		return fmt.Errorf("machine: ask the host: %w", err)
	}
	if a.Error != "" {
		return fmt.Errorf("machine: %s %s: %s", r.Op, r.Disk.Name, a.Error)
	}
	return nil
}

// Plug attaches a disk and returns its device node. A disk of a name used
// before comes back with its data.
func Plug(t testing.TB, disk Disk) string {
	t.Helper()
	must(t, ask(request{Op: "plug", Disk: disk}))
	return DiskPath(t, disk.Name)
}

// Unplug pulls a plugged disk out and waits until its node is gone.
func Unplug(t testing.TB, name string) {
	t.Helper()
	must(t, ask(request{Op: "unplug", Disk: Disk{Name: name}}))
	Eventually(t, hotplugTimeout, "disk "+name+" to go", func() bool { return findDisk(name) == "" })
}

// Resize changes the size of a disk in use and waits until the kernel knows.
func Resize(t testing.TB, name string, size int64) {
	t.Helper()
	must(t, ask(request{Op: "resize", Disk: Disk{Name: name, Size: size}}))
	node := DiskPath(t, name)
	want := fmt.Sprintln(size / 512)
	Eventually(t, hotplugTimeout, "the new size of "+name, func() bool {
		text, err := os.ReadFile(filepath.Join("/sys/class/block", filepath.Base(node), "size"))
		return err == nil && string(text) == want
	})
}

// DiskPath returns the device node of a disk, waiting for it to appear.
func DiskPath(t testing.TB, name string) string {
	t.Helper()
	var node string
	Eventually(t, hotplugTimeout, "disk "+name, func() bool {
		node = findDisk(name)
		_, err := os.Stat(node)
		return node != "" && err == nil
	})
	return node
}

func findDisk(name string) string {
	files, _ := filepath.Glob("/sys/class/block/vd*/serial")
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && string(text) == name {
			return filepath.Join("/dev", filepath.Base(filepath.Dir(file)))
		}
	}
	return ""
}

// Eventually waits until something is so that takes quiet at most on a quiet
// machine, and fails the test when it is not in time; see package pace.
func Eventually(t testing.TB, quiet time.Duration, what string, so func() bool) {
	t.Helper()
	if !pace.Await(quiet, so) {
		t.Fatalf("waited %v for %s", pace.Limit(quiet), what)
	}
}

// LoadModule loads a kernel module of Config.Modules.
func LoadModule(t testing.TB, name string) {
	t.Helper()
	set, err := readModuleSet()
	must(t, err)
	must(t, set.load(moduleName(name)))
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
