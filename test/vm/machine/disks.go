// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
)

// hotplugTimeout is for a disk to come or go, on a quiet machine.
const hotplugTimeout = 20 * time.Second

// disks are the disks of a machine, present or unplugged; what was written to
// one stays until the machine is closed.
type disks struct {
	dir   string
	known map[string]Disk
	ports []string // name of the disk at each port, "" when free
}

func newDisks(dir string, slots int) *disks {
	return &disks{dir: dir, known: map[string]Disk{}, ports: make([]string, slots)}
}

// add makes the disk's file where it has none yet.
func (d *disks) add(disk Disk) (Disk, error) {
	disk = disk.withDefaults()
	if err := disk.check(); err != nil {
		return Disk{}, err
	}
	if old, ok := d.known[disk.Name]; ok {
		return old, nil
	}
	if disk.File == "" {
		disk.File = filepath.Join(d.dir, "disk-"+disk.Name)
		if err := makeFile(disk); err != nil {
			return Disk{}, err
		}
	}
	d.known[disk.Name] = disk
	return disk, nil
}

func makeFile(disk Disk) error {
	if disk.Base != "" {
		return makeOverlay(disk)
	}
	return makeSparse(disk.File, disk.Size)
}

func makeOverlay(disk Disk) error {
	args := []string{"create", "-q", "-f", "qcow2", "-F", "raw", "-b", disk.Base, disk.File}
	if disk.Size != 0 {
		args = append(args, fmt.Sprint(disk.Size))
	}
	if out, err := exec.Command("qemu-img", args...).CombinedOutput(); err != nil {
		return fmt.Errorf("machine: overlay on %s: %w: %s", disk.Base, err, out)
	}
	return nil
}

func makeSparse(file string, size int64) error {
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return fmt.Errorf("machine: disk: %w", err)
	}
	return firstError(f.Truncate(size), f.Close())
}

func (d *disks) port(name string) int { return slices.Index(d.ports, name) }

// bootArgs puts the disks of the configuration on QEMU's command line: fixed
// ones on the root bus, others on a port. A later boot adds those plugged in
// since.
func (d *disks) bootArgs(cfg []Disk) ([]string, error) {
	var args []string
	for _, disk := range cfg {
		disk, err := d.add(disk)
		if err != nil {
			return nil, err
		}
		if disk.Port && d.port(disk.Name) < 0 {
			if err := d.takePort(disk.Name); err != nil {
				return nil, err
			}
		}
		if !disk.Port {
			args = append(args, diskArgs(disk, "pcie.0")...)
		}
	}
	for i, name := range d.ports {
		if name != "" {
			args = append(args, diskArgs(d.known[name], fmt.Sprintf("port%d", i))...)
		}
	}
	return args, nil
}

func (d *disks) takePort(name string) error {
	free := d.port("")
	if free < 0 {
		return fmt.Errorf("machine: disk %s: all %d ports are taken (Config.Slots)", name, len(d.ports))
	}
	d.ports[free] = name
	return nil
}

func diskArgs(disk Disk, bus string) []string {
	return []string{
		"-blockdev", fmt.Sprintf("driver=%s,node-name=node-%s,discard=unmap,cache.no-flush=on,read-only=%s,file.driver=file,file.filename=%s",
			disk.format(), disk.Name, onOff(disk.ReadOnly), escaped(disk.File)),
		"-device", fmt.Sprintf("virtio-blk-pci,id=disk-%s,drive=node-%s,serial=%s,bus=%s,logical_block_size=%d,physical_block_size=%d",
			disk.Name, disk.Name, disk.Name, bus, disk.LogicalSector, disk.PhysicalSector),
	}
}

// escaped doubles the commas that would begin another parameter.
func escaped(value string) string { return strings.ReplaceAll(value, ",", ",,") }

func onOff(on bool) string {
	if on {
		return "on"
	}
	return "off"
}

// Plug attaches a disk to a free port while the machine runs. A disk of a
// known name comes back with its data.
func (m *Machine) Plug(ctx context.Context, disk Disk) error {
	disk, err := m.disks.add(disk)
	if err != nil {
		return err
	}
	if m.disks.port(disk.Name) >= 0 {
		return fmt.Errorf("machine: disk %s is plugged in", disk.Name)
	}
	if err := m.disks.takePort(disk.Name); err != nil {
		return err
	}
	port := m.disks.port(disk.Name)
	if err := m.attach(ctx, disk, fmt.Sprintf("port%d", port)); err != nil {
		m.disks.ports[port] = ""
		return err
	}
	return nil
}

func (m *Machine) attach(ctx context.Context, disk Disk, bus string) error {
	_, err := m.qmp.execute(ctx, "blockdev-add", map[string]any{
		"driver": disk.format(), "node-name": "node-" + disk.Name, "discard": "unmap", "read-only": disk.ReadOnly,
		"cache": map[string]any{"no-flush": true},
		"file":  map[string]any{"driver": "file", "filename": disk.File},
	})
	if err != nil {
		return err
	}
	_, err = m.qmp.execute(ctx, "device_add", map[string]any{
		"driver": "virtio-blk-pci", "id": "disk-" + disk.Name, "drive": "node-" + disk.Name, "serial": disk.Name,
		"bus": bus, "logical_block_size": disk.LogicalSector, "physical_block_size": disk.PhysicalSector,
	})
	return err
}

// Unplug pulls a disk out of its port; its data stays for a later Plug.
func (m *Machine) Unplug(ctx context.Context, name string) error {
	port := m.disks.port(name)
	if name == "" || port < 0 {
		return fmt.Errorf("machine: disk %s is on no port", name)
	}
	ctx, cancel := context.WithTimeout(ctx, pace.Limit(hotplugTimeout))
	defer cancel()
	if _, err := m.qmp.execute(ctx, "device_del", map[string]any{"id": "disk-" + name}); err != nil {
		return err
	}
	if err := m.qmp.waitDeleted(ctx, "disk-"+name); err != nil {
		return err
	}
	m.disks.ports[port] = ""
	_, err := m.qmp.execute(ctx, "blockdev-del", map[string]any{"node-name": "node-" + name})
	return err
}

// Resize changes the size of a disk in use, to size bytes.
func (m *Machine) Resize(ctx context.Context, name string, size int64) error {
	disk, ok := m.disks.known[name]
	if !ok {
		return fmt.Errorf("machine: no disk %s", name)
	}
	if _, err := m.qmp.execute(ctx, "block_resize", map[string]any{"node-name": "node-" + name, "size": size}); err != nil {
		return err
	}
	disk.Size = size
	m.disks.known[name] = disk
	return nil
}

// DiskFile is the file of the host behind a disk; touch it only while the
// machine is off or the disk unplugged.
func (m *Machine) DiskFile(name string) string { return m.disks.known[name].File }
