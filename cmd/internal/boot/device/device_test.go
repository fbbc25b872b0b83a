// SPDX-License-Identifier: Apache-2.0

package device

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/luks/signature"
	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vectors"
	"github.com/orthrus-luks/orthrus/udev"
)

// from answers attributes out of a table; paths are those of sysfs.
func from(table map[string]string) attributes {
	return func(path string) string { return table[path] }
}

func TestNamesAreThoseOfUdev(t *testing.T) {
	const nvme = "/devices/pci0000:00/0000:00:1d.0/0000:3d:00.0/nvme/nvme0/nvme0n1"
	const virtio = "/devices/pci0000:00/0000:00:04.0/virtio2/block/vda"
	const ata = "/devices/pci0000:00/0000:00:17.0/ata2/host1/target1:0:0/1:0:0:0/block/sda"
	const usb = "/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1.4/2-1.4:1.0/host6/target6:0:0/6:0:0:0/block/sdb"
	identify := make([]byte, 60+512)
	word := func(n int, text string) {
		for i := 0; i+1 < len(text); i += 2 {
			identify[60+2*n+i], identify[60+2*n+i+1] = text[i+1], text[i]
		}
	}
	word(10, "SERIAL12            ")
	word(27, "DISK MODEL 5                            ")
	for _, c := range []struct {
		name       string
		n          naming
		ids, ports []string
	}{
		{
			"virtio",
			naming{"vda", virtio, from(map[string]string{virtio + "/serial": "my disk"})},
			[]string{"virtio-my_disk"},
			[]string{"pci-0000:00:04.0", "virtio-pci-0000:00:04.0"},
		},
		{"virtio without serial", naming{"vda", virtio, from(nil)}, nil, []string{"pci-0000:00:04.0", "virtio-pci-0000:00:04.0"}},
		{
			"nvme",
			naming{"nvme0n1", nvme, from(map[string]string{nvme + "/device/model": "ACME  SSD 1TB", nvme + "/device/serial": "S1", nvme + "/wwid": "eui.0025", nvme + "/nsid": "1"})},
			[]string{"nvme-ACME_SSD_1TB_S1", "nvme-eui.0025"},
			[]string{"pci-0000:3d:00.0-nvme-1"},
		},
		{
			"ata",
			naming{"sda", ata, from(map[string]string{
				ata + "/device/wwid": "naa.5002538e", ata + "/device/vpd_pg89": string(identify),
				"/devices/pci0000:00/0000:00:17.0/ata2/ata_port/ata2/port_no": "2",
			})},
			[]string{"wwn-0x5002538e", "scsi-35002538e", "ata-DISK_MODEL_5_SERIAL12"},
			[]string{"pci-0000:00:17.0-ata-2", "pci-0000:00:17.0-ata-2.0"},
		},
		{
			"usb",
			naming{"sdb", usb, from(map[string]string{
				"/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1.4/idVendor": "0781",
				"/devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1.4/serial":   "4C53", usb + "/device/vendor": "SanDisk", usb + "/device/model": "Ultra Fit",
			})},
			[]string{"usb-SanDisk_Ultra_Fit_4C53-0:0"},
			[]string{"pci-0000:00:14.0-usb-0:1.4:1.0-scsi-0:0:0:0"},
		},
		{
			"dm",
			naming{"dm-0", "/devices/virtual/block/dm-0", from(map[string]string{"/devices/virtual/block/dm-0/dm/name": "vg-root", "/devices/virtual/block/dm-0/dm/uuid": "LVM-x"})},
			[]string{"dm-name-vg-root", "dm-uuid-LVM-x"},
			nil,
		},
		{
			"mmc",
			naming{"mmcblk0", "/devices/platform/x/mmcblk0", from(map[string]string{"/devices/platform/x/mmcblk0/device/name": "SD32G", "/devices/platform/x/mmcblk0/device/serial": "0x12"})},
			[]string{"mmc-SD32G_0x12"},
			nil,
		},
	} {
		if got := c.n.ids(); !slices.Equal(got, c.ids) {
			t.Errorf("%s: by-id %q, want %q", c.name, got, c.ids)
		}
		if got := c.n.ports(); !slices.Equal(got, c.ports) {
			t.Errorf("%s: by-path %q, want %q", c.name, got, c.ports)
		}
	}
	if got := ofPartition([]string{"virtio-a"}, 3); got[0] != "virtio-a-part3" {
		t.Error(got)
	}
}

func TestADeviceAnswersToItsNames(t *testing.T) {
	i := Identity{
		Node: "/dev/vda1", UUID: "ABCD-1234", Label: "my keys", PartUUID: "1234abcd-01", PartLabel: "root", Serial: "S1",
		IDs: []string{"virtio-a-part1"}, Ports: []string{"pci-1-part1"}, Links: []string{"/dev/vg/root", "/dev/disk/by-id/ata-x"},
	}
	for text, want := range map[string]bool{
		"UUID=abcd-1234": true, "UUID=ABCD": false, "LABEL=my keys": true, "LABEL=MY KEYS": false, "PARTUUID=1234ABCD-01": true,
		"PARTLABEL=root": true, "SERIAL=S1": true, "ID=virtio-a-part1": true, "/dev/disk/by-id/ata-x": true, "/dev/disk/by-path/pci-1-part1": true,
		"/dev/vda1": true, "/dev/vg/root": true, "/dev/vda": false, "/dev/disk/by-label/other": false,
	} {
		if got := i.Answers(plan.ParseReference(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	var none Identity
	for _, text := range []string{"UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "SERIAL="} {
		if none.Answers(plan.ParseReference(text)) {
			t.Errorf("a device without names answers to %s", text)
		}
	}
}

func TestTheNameOfADeviceIsThatOfItsContents(t *testing.T) {
	luks := signature.Signature{Kind: "crypto_LUKS", UUID: "1", Usage: signature.Crypto}
	table := signature.Signature{Kind: "gpt", UUID: "2", Usage: signature.PartitionTable}
	array := signature.Signature{Kind: "linux_raid_member", UUID: "4", Usage: signature.RAID, Offset: 1 << 30}
	copied, damaged := luks, luks
	copied.Backup, damaged.Damaged = true, true
	for name, c := range map[string]struct {
		found  []signature.Signature
		want   string
		arrays bool // somebody is here to start them
	}{
		"a header":                  {[]signature.Signature{table, luks}, "1", false},
		"the second header alone":   {[]signature.Signature{copied}, "1", false},
		"damaged remains":           {[]signature.Signature{damaged}, "", true},
		"a partition table":         {[]signature.Signature{table}, "", false},
		"nothing":                   {nil, "", true},
		"a file system over a head": {[]signature.Signature{{Kind: "ext4", UUID: "3", Usage: signature.Filesystem}, copied}, "3", false},
		"half of a mirror":          {[]signature.Signature{luks, array}, "4", true},
		"what is left of an array":  {[]signature.Signature{luks, array}, "1", false},
	} {
		uuid := ""
		if got := (prober{arrays: c.arrays}).principal(c.found); got != nil {
			uuid = got.UUID
		}
		if uuid != c.want {
			t.Errorf("%s: %q, want %q", name, uuid, c.want)
		}
	}
}

// knowing is a watcher that listens to nobody and has these devices.
func knowing(devices ...Identity) *Watcher {
	w := &Watcher{devices: map[string]*entry{}, changed: make(chan struct{}), swept: true}
	for _, d := range devices {
		w.devices["/devices/"+d.Name] = &entry{identity: d, known: true}
	}
	return w
}

func TestPartsAreWhatNothingIsMadeOfYet(t *testing.T) {
	root := t.TempDir()
	if err := os.MkdirAll(filepath.Join(root, "sys/devices/vdb/holders/dm-0"), 0o755); err != nil {
		t.Fatal(err)
	}
	w := knowing(
		Identity{Name: "vdc", Node: "/dev/vdc", Contents: "LVM2_member"}, Identity{Name: "vdb", Node: "/dev/vdb", Contents: "LVM2_member"},
		Identity{Name: "vda", Node: "/dev/vda", Contents: "LVM2_member"}, Identity{Name: "vdd", Node: "/dev/vdd", Contents: "ext4"},
	)
	w.prober.system.Root = root
	if free, _ := w.Parts("LVM2_member"); !slices.Equal(free, []string{"/dev/vda", "/dev/vdc"}) {
		t.Errorf("%v", free)
	}
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

func TestTwinsAreRefusedUnlessOneIsInUse(t *testing.T) {
	a, b := Identity{Name: "vda", Node: "/dev/vda", UUID: "1"}, Identity{Name: "vdb", Node: "/dev/vdb", UUID: "1"}
	r := plan.Reference{Kind: plan.UUID, Value: "1"}
	var twins *TwinsError
	if _, err := knowing(b, a).Find(soon(t), r, plan.RefuseTwins); !errors.As(err, &twins) || strings.Join(twins.Nodes, " ") != "/dev/vda /dev/vdb" {
		t.Error(err)
	}
	if got, err := knowing(b, a).Find(soon(t), r, plan.FirstTwin); err != nil || got.Node != "/dev/vda" {
		t.Errorf("%+v, %v", got, err)
	}
	a.Held = true
	if got, err := knowing(b, a).Find(soon(t), r, plan.RefuseTwins); err != nil || got.Node != "/dev/vdb" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestADeviceIsWaitedForAndAHangingOneLeftOut(t *testing.T) {
	w := knowing(Identity{Name: "vda", UUID: "1"})
	r := plan.Reference{Kind: plan.UUID, Value: "2"}
	if _, err := w.Find(soon(t), r, plan.RefuseTwins); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	// One that hangs for long does not keep others from being chosen.
	w.devices["/devices/hangs"] = &entry{since: time.Now().Add(-time.Hour)}
	go func() {
		time.Sleep(20 * time.Millisecond)
		w.mu.Lock()
		defer w.mu.Unlock()
		w.devices["/devices/new"] = &entry{identity: Identity{Name: "new", Node: "/dev/new", UUID: "2"}, known: true}
		w.announce()
	}()
	ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(10*time.Second))
	defer cancel()
	if got, err := w.Find(ctx, r, plan.RefuseTwins); err != nil || got.Node != "/dev/new" {
		t.Errorf("%+v, %v", got, err)
	}
	// One that is just being looked at does: it may be a twin.
	w.devices["/devices/just"] = &entry{since: time.Now()}
	if _, err := w.Find(soon(t), r, plan.RefuseTwins); !errors.Is(err, ErrMissing) {
		t.Errorf("chosen before all was known: %v", err)
	}
}

func TestAnImageFileIsFoundByItsPath(t *testing.T) {
	path := filepath.Join(t.TempDir(), "disk.img")
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := Watch(t.Context(), udev.System{})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if got, err := w.Find(t.Context(), plan.ParseReference(path), plan.RefuseTwins); err != nil || got.Node != path {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := w.Find(soon(t), plan.ParseReference(path+".not"), plan.RefuseTwins); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
}

// mkfs.fat makes such a partition, over the whole of the stick that it formats.
func TestAPartitionFromSectorZeroIsNoTwinOfItsDisk(t *testing.T) {
	root, image := t.TempDir(), filepath.Join(t.TempDir(), "stick")
	contents, _ := vectors.Open("luks2-unbound")
	if err := os.WriteFile(image, contents, 0o600); err != nil {
		t.Fatal(err)
	}
	p := prober{system: udev.System{Root: root}}
	probe := func(path string, attributes map[string]string) Identity {
		for name, text := range attributes {
			file := filepath.Join(root, "sys", path, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text+"\n"), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		return p.probe(udev.Event{DevPath: path, DevName: image})
	}
	if disk := probe("/devices/x/block/sdb", map[string]string{"size": "100"}); disk.UUID == "" {
		t.Errorf("the disk has no uuid: %+v", disk)
	}
	if mirror := probe("/devices/x/block/sdb/sdb1", map[string]string{"size": "100", "partition": "1", "start": "0"}); mirror.UUID != "" {
		t.Errorf("the partition is a twin: %+v", mirror)
	}
	if real := probe("/devices/x/block/sdb/sdb2", map[string]string{"size": "100", "partition": "2", "start": "2048"}); real.UUID == "" {
		t.Errorf("a partition has no uuid: %+v", real)
	}
}

func TestAMappingWithoutATableIsNotThereYet(t *testing.T) {
	root := t.TempDir()
	const path = "/devices/virtual/block/dm-7"
	put := func(name, text string) {
		file := filepath.Join(root, "sys", path, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o700), os.WriteFile(file, []byte(text+"\n"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	put("dm/name", "vg-root")
	put("dm/uuid", "LVM-"+strings.Repeat("x", 64))
	for size, want := range map[string]bool{"0": false, "2048": true} {
		put("size", size)
		i := prober{system: udev.System{Root: root}}.probe(udev.Event{DevPath: path, DevName: "/dev/dm-7", Major: 254, Minor: 7})
		for _, name := range []string{"/dev/dm-7", "/dev/mapper/vg-root", "/dev/vg/root"} {
			if got := i.Answers(plan.ParseReference(name)); got != want {
				t.Errorf("%s sectors: %s answers: %v", size, name, got)
			}
		}
		w := knowing(i)
		if got := len(w.numbered(unix.Mkdev(254, 7), "/dev/link")) > 0; got != want {
			t.Errorf("%s sectors: by its number: %v", size, got)
		}
	}
}
