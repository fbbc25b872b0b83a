// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/fstab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/tools"
	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/folder"
	"github.com/orthrus-luks/orthrus/dm/uuid"
)

// System is a machine to read facts from.
type System struct {
	// Root is the directory whose /etc and /lib/modules are read, "/" for this
	// machine. Devices are looked at for this machine only.
	Root string
	// Kernel is the version to make the image for; the running one when empty.
	Kernel string
	// Generic leaves this machine's devices out of it.
	Generic bool
	// Cipher tells the cipher of the volume on a device, "" where it cannot.
	Cipher func(device string) string
	// Targets tells what a mapping is made of, in device-mapper's words.
	Targets func(mapping string) []string
}

// Read gathers the facts. What is asked for by the caller (Modules, Keys) is
// left empty.
func (s System) Read(ctx context.Context) (Facts, error) {
	f := Facts{Kernel: s.Kernel, Generic: s.Generic}
	if f.Kernel == "" {
		f.Kernel = runningKernel()
	}
	var err error
	if f.Index, err = s.modules(ctx, f.Kernel); err != nil {
		return f, err
	}
	if f.Crypttab, err = readIfThere(ctx, filepath.Join(s.Root, "/etc/crypttab")); err != nil {
		return f, err
	}
	if f.Veritytab, err = readIfThere(ctx, filepath.Join(s.Root, "/etc/veritytab")); err != nil {
		return f, err
	}
	mounts, err := readIfThere(ctx, filepath.Join(s.Root, "/etc/fstab"))
	if err != nil {
		return f, err
	}
	f.Root = rootMount(mounts)
	if slices.ContainsFunc(parseTable(f.Crypttab), isRemote) {
		f.Remote = s.remote(ctx)
	}
	if filepath.Clean(s.Root) != "/" {
		f.Generic = true
		f.Volumes = namedVolumes(f.Root.Source)
		for _, v := range f.Volumes { // it may be of either kind
			f.Verity = append(f.Verity, v.Name)
		}
		return f, nil
	}
	return f, s.readMachine(&f)
}

// modules reads the lists of the kernel's modules; nil for a system without any.
func (s System) modules(ctx context.Context, kernel string) (*kmod.Index, error) {
	if _, err := os.Stat(filepath.Join(s.Root, "/lib/modules")); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return kmod.ReadIndex(ctx, filepath.Join(s.Root, moduleDir(kernel)))
}

// namedVolumes takes the mapping from a root that is /dev/mapper/NAME.
func namedVolumes(source string) []Volume {
	if name, found := strings.CutPrefix(source, "/dev/mapper/"); found {
		return []Volume{{Name: name}}
	}
	return nil
}

func runningKernel() string {
	var uts unix.Utsname
	_ = unix.Uname(&uts) // fails for a bad address only
	return unix.ByteSliceToString(uts.Release[:])
}

func readIfThere(ctx context.Context, file string) (string, error) {
	text, err := ui.ReadNamed(ctx, file, fstab.MaxSize)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	return string(text), err
}

// rootMount returns the line of "/" in fstab.
func rootMount(text string) Mount {
	m := fstab.At("/", fstab.Parse(text))
	return Mount{m.Source, m.Type, m.Options}
}

// readMachine looks at what the mounted root lies on.
func (s System) readMachine(f *Facts) error {
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return err
	}
	mounted, number := mountedAt("/", string(mounts))
	if f.Root.Source == "" {
		f.Root = mounted
	}
	if f.Root.Type == "" || f.Root.Type == "auto" {
		f.Root.Type = mounted.Type
	}
	w := walk{system: s, facts: f, seen: map[string]bool{}}
	if err := w.down(deviceNumber(number, mounted.Source)); err != nil {
		return fmt.Errorf("the device of the root: %w", err)
	}
	// What else must be there before the root's own programs can run.
	if usr, number := mountedAt("/usr", string(mounts)); number != "" {
		w.foreign("a /usr of its own")
		err = w.down(deviceNumber(number, usr.Source))
	}
	if resume := block.ReadAttribute("/sys", "power/resume"); resume != "" && resume != "0:0" {
		err = errors.Join(err, w.down(resume))
	}
	if err != nil {
		return err
	}
	w.keyboards()
	return nil
}

// mountedAt reads the line of a mount point in mountinfo (proc(5)): field 3 is
// the number of the device; type and source come after " - ".
func mountedAt(point, mountinfo string) (m Mount, number string) {
	for row := range strings.Lines(mountinfo) {
		before, after, found := strings.Cut(strings.TrimSpace(row), " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if found && len(left) > 4 && len(right) > 1 && left[4] == point && right[0] != "rootfs" {
			m, number = Mount{Source: right[1], Type: right[0]}, left[2]
		}
	}
	return m, number
}

// deviceNumber takes the number of the device node where the mount has one that
// is no device's, as on btrfs.
func deviceNumber(number, source string) string {
	if !strings.HasPrefix(number, "0:") {
		return number
	}
	var st unix.Stat_t
	if err := unix.Stat(source, &st); err != nil {
		return number
	}
	return fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
}

// walk goes from the root's device to the hardware below it.
type walk struct {
	system System
	facts  *Facts
	seen   map[string]bool
}

func (w *walk) down(number string) error {
	dir, err := filepath.EvalSymlinks(filepath.Join("/sys/dev/block", number))
	if err != nil {
		return err
	}
	return w.device(dir)
}

func (w *walk) device(dir string) error {
	if w.seen[dir] {
		return nil
	}
	w.seen[dir] = true
	below, err := folder.Names(filepath.Join(dir, "slaves"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if block.ReadAttribute(dir, "partition") != "" {
		return w.device(filepath.Dir(dir)) // it may be an array's
	}
	w.judge(dir, below)
	for _, e := range below {
		lower, err := filepath.EvalSymlinks(filepath.Join(dir, "slaves", e))
		if err != nil {
			return err
		}
		if err := w.device(lower); err != nil {
			return err
		}
	}
	if len(below) == 0 {
		w.hardware(dir)
	}
	return nil
}

// judge notes what a mapping or an array is.
func (w *walk) judge(dir string, below []string) {
	id, name := block.ReadAttribute(dir, "dm/uuid"), block.ReadAttribute(dir, "dm/name")
	kind, _, _ := strings.Cut(id, "-")
	base := filepath.Base(dir)
	switch level := block.ReadAttribute(dir, "md/level"); {
	case strings.HasPrefix(id, "CRYPT-VERITY-"):
		w.facts.Verity = append(w.facts.Verity, name)
	case kind == "CRYPT" && strings.HasSuffix(name, "_dif"): // below a volume whose sectors are authenticated
		add(&w.facts.Drivers, "dm_integrity")
	case kind == "CRYPT":
		v := Volume{Name: name, UUID: headerUUID(id)}
		if len(below) == 1 {
			tags := filepath.Join(dir, "slaves", below[0])
			if block.ReadAttribute(tags, "dm/name") == name+"_dif" {
				below, _ = folder.Names(filepath.Join(tags, "slaves"))
			}
		}
		if w.system.Cipher != nil && len(below) == 1 {
			v.Cipher = w.system.Cipher("/dev/" + below[0])
		}
		w.facts.Volumes = append(w.facts.Volumes, v)
	case kind == "LVM" && w.system.Targets != nil:
		w.logical(name)
	case name != "":
		w.foreign(kind + " (" + name + ")")
	case level != "" && !strings.HasPrefix(block.ReadAttribute(dir, "md/metadata_version"), "external"):
		add(&w.facts.Tools, "mdadm")
		add(&w.facts.Drivers, "md-"+level)
	case strings.HasPrefix(base, "md"), strings.HasPrefix(base, "bcache"):
		w.foreign(base)
	}
}

// checked are the targets of volumes that LVM does not start without programs of their own.
var checked = []string{"thin", "thin-pool", "cache", "writecache", "vdo", "era"}

// logical notes what starts a volume of LVM, with the modules of its targets.
func (w *walk) logical(name string) {
	add(&w.facts.Tools, "lvm")
	for _, target := range w.system.Targets(name) {
		if slices.Contains(checked, target) {
			w.foreign("LVM's " + target + " (" + name + ")")
		}
		add(&w.facts.Drivers, "dm-"+target)
		if target == "raid" { // which asks for a level's module when it is too late for it
			w.facts.Drivers = append(w.facts.Drivers, tools.Named("mdadm").Modules...)
		}
	}
}

func (w *walk) foreign(what string) {
	if !slices.Contains(w.facts.Foreign, what) {
		w.facts.Foreign = append(w.facts.Foreign, what)
	}
}

// headerUUID takes the header's uuid from "CRYPT-LUKS2-<32 digits>-NAME".
func headerUUID(id string) string {
	part := strings.SplitN(id, "-", 4)
	if len(part) < 3 || !strings.HasPrefix(part[1], "LUKS") || len(part[2]) != 32 {
		return ""
	}
	return uuid.Dashed(part[2])
}

// hardware notes the drivers of a device and of those it hangs on.
func (w *walk) hardware(dir string) {
	for ; strings.HasPrefix(dir, "/sys/devices/"); dir = filepath.Dir(dir) {
		add(&w.facts.Modaliases, block.ReadAttribute(dir, "modalias"))
		if module, err := os.Readlink(filepath.Join(dir, "driver/module")); err == nil {
			add(&w.facts.Drivers, filepath.Base(module))
		}
	}
}

// keyRepeat is the event type that keyboards have (linux/input-event-codes.h).
const keyRepeat = 0x14

// keyboards notes the drivers of the devices that repeat keys.
func (w *walk) keyboards() {
	inputs, _ := filepath.Glob("/sys/class/input/input*")
	for _, input := range inputs {
		events, err := strconv.ParseUint(block.ReadAttribute(input, "capabilities/ev"), 16, 64)
		if err != nil || events>>keyRepeat&1 == 0 {
			continue
		}
		if dir, err := filepath.EvalSymlinks(input); err == nil {
			w.hardware(dir)
		}
	}
}

func add(list *[]string, s string) {
	if s != "" && !slices.Contains(*list, s) {
		*list = append(*list, s)
	}
}
