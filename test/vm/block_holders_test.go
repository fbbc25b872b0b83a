// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

func TestHoldersNamesMappingMountAndProcess(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		loop, _ := loopOver(t, 32*mib, block.LoopOptions{})
		under := opened(t, loop.Path, 0)
		name := freshName()
		table := dm.Table{&target.Linear{Length: 32 * mib / 512, Device: fmt.Sprintf("%d:%d", under.Major(), under.Minor())}}
		info, node := activate(t, mapper(t), dm.Plan{Name: name, UUID: "TEST-" + name, Table: table})
		if _, err := block.Open(loop.Path, block.Exclusive); !errors.Is(err, block.ErrBusy) {
			t.Errorf("exclusive open of a mapped device: %v", err)
		}
		has(t, under.Major(), under.Minor(), block.Holder{
			Kind: block.HolderDevice, Name: name, UUID: "TEST-" + name, Major: info.Major, Minor: info.Minor,
		})

		if out, err := exec.Command("mkfs.ext4", "-q", node).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		at := t.TempDir() + "/a b"
		if err := os.Mkdir(at, 0o700); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("mount", node, at).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		has(t, info.Major, info.Minor, block.Holder{Kind: block.HolderMount, Name: at})
		if out, err := exec.Command("umount", at).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}

		reader := exec.Command("sh", "-c", "echo begun; read line")
		open, err := os.Open(node)
		if err != nil {
			t.Fatal(err)
		}
		defer open.Close()
		keep, err := reader.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		told, err := reader.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		reader.ExtraFiles = []*os.File{open}
		if err := reader.Start(); err != nil {
			t.Fatal(err)
		}
		if _, err := told.Read(make([]byte, 1)); err != nil { // before that it bears this program's name
			t.Fatal(err)
		}
		has(t, info.Major, info.Minor, block.Holder{Kind: block.HolderProcess, Name: "sh", PID: reader.Process.Pid})
		_ = keep.Close()
		_ = reader.Wait()
		if holders, err := block.Holders(info.Major, info.Minor); err != nil || len(holders) != 0 {
			t.Errorf("held by nobody: %+v, %v", holders, err)
		}
	})
}

func has(t *testing.T, major, minor uint32, want block.Holder) {
	t.Helper()
	holders, err := block.Holders(major, minor)
	if err != nil || !slices.Contains(holders, want) {
		t.Errorf("%+v, %v; want %+v", holders, err, want)
	}
}

func TestDevicesAndNamesWithoutUdev(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		d := opened(t, machine.DiskPath(t, "a4k"), 0)
		devices, err := block.Devices()
		if err != nil {
			t.Fatal(err)
		}
		if !slices.ContainsFunc(devices, func(i block.Info) bool {
			return i.Path == d.Path() && i.Major == d.Major() && i.Minor == d.Minor() && i.Size == 128<<20
		}) {
			t.Errorf("%s is not among %+v", d.Path(), devices)
		}
		if _, err := block.Resolve("UUID=0f0e0d0c-0b0a-4908-8706-050403020100"); !errors.Is(err, block.ErrNoDiskLinks) || !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("no udev, no links: %v", err)
		}
		shape, err := d.Topology()
		if err != nil || shape.LogicalSector != 4096 || shape.PhysicalSector != 4096 || shape.ReadOnly || shape.Zoned || shape.DAX || shape.ReadAhead == 0 {
			t.Errorf("%+v, %v", shape, err)
		}
	})
}
