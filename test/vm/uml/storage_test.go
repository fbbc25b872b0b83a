// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"context"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

const storageUUID = "00000000-7000-4000-8000-00000000000a"

// A layout is a root on more than partitions and encrypted volumes. Its script sets "root", the device for the file
// system; /home, if it is there, is a small volume that systemd waits for.
type layout struct {
	name, script string
	args         string // of the kernel
	boots        []storageBoot
}

type storageBoot struct {
	disks int      // how many of two there are
	sees  string   // before the login
	runs  []string // a command and what it says, one after the other
}

// What scripts have in common.
const (
	luksOn = `cryptsetup luksFormat -q --uuid ` + storageUUID + ` --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file one `
	openOn = `; cryptsetup open --key-file one `
	home   = `; lvcreate -qy -L 32M -n home my-vg; mkfs.ext4 -q /dev/my-vg/home; echo "/dev/my-vg/home /home ext4 defaults 0 2" >>/run/fstab
`
	// The superblock lies at the end, so that each half looks like what the array holds.
	mirrored = `mdadm --create /dev/md/root --run --assume-clean --metadata=1.0 --homehost=orthrus --level=1 --raid-devices=2 /dev/ubda /dev/ubdb
` + luksOn + `/dev/md/root` + openOn + `/dev/md/root sealed
`
	inside = `vgcreate -q my-vg /dev/mapper/sealed; lvcreate -qy -L 3G -n root my-vg` + home + `root=/dev/my-vg/root`
)

var (
	ofGroup  = []string{"findmnt -no SOURCE /", "/dev/mapper/my--vg-root", "findmnt -no SOURCE /home", "/dev/mapper/my--vg-home"}
	ofSealed = []string{"findmnt -no SOURCE /", "/dev/mapper/sealed"}
)

var layouts = []layout{
	{
		name: "a volume group in an encrypted volume", args: "root=/dev/mapper/my--vg-root",
		script: luksOn + `/dev/ubda` + openOn + `/dev/ubda sealed; ` + inside,
		boots:  []storageBoot{{disks: 1, runs: ofGroup}},
	},
	{
		name: "an encrypted volume in a mirrored volume of a group", args: "root=/dev/mapper/sealed",
		script: `vgcreate -q my-vg /dev/ubda /dev/ubdb; lvcreate -qy --type raid1 -m 1 --nosync -L 3120M -n sealed my-vg` + home +
			luksOn + `/dev/my-vg/sealed` + openOn + `/dev/my-vg/sealed sealed
echo "sealed /dev/my-vg/sealed none luks" >/run/crypttab; root=/dev/mapper/sealed`,
		boots: []storageBoot{
			{disks: 2, runs: append(ofSealed[:2:2], "findmnt -no SOURCE /home", "/dev/mapper/my--vg-home")},
			{disks: 1, sees: "started without it: WARNING", runs: ofSealed},
		},
	},
	{
		name: "an encrypted volume on a mirror", args: "root=/dev/mapper/sealed",
		script: mirrored + `root=/dev/mapper/sealed`,
		boots: []storageBoot{
			{disks: 2, runs: append(ofSealed[:2:2], "cat /proc/mdstat", "[UU]")},
			{disks: 1, sees: "started without it: mdadm: started array", runs: append(ofSealed[:2:2], "cat /proc/mdstat", "[U_]")},
		},
	},
	{
		name: "a volume group in an encrypted volume on a mirror", args: "root=UUID=" + storageFS,
		script: mirrored + inside,
		boots:  []storageBoot{{disks: 2, runs: append(ofGroup[:4:4], "cat /proc/mdstat", "[UU]")}},
	},
}

const storageFS = "00000000-7000-4000-8000-00000000000f" // uuid of the root's file system

// makeStorage lays the disks out, copies a Debian there, and has our program make the image in it, as an installer
// of a distribution does. The modules are those of this kernel, which has more in them than their lists tell.
const makeStorage = `
for m in md/md-mod md/raid1 md/raid456 md/dm-raid; do modprobe -d tree "$(basename "$m")" || echo "FAIL modprobe $m"; done
export DM_DISABLE_UDEV=1 LVM_SUPPRESS_FD_WARNINGS=1
layout() {
	set -e
	: >/run/fstab
	echo "sealed UUID=` + storageUUID + ` none luks" >/run/crypttab
	%s
	e2image -ra /dev/ubdc "$root"
	tune2fs -U ` + storageFS + ` "$root"
	mkdir /run/m
	mount "$root" /run/m
	{ echo "$root / ext4 defaults 0 1"; cat /run/fstab; } >/run/m/etc/fstab
	cp /run/crypttab /run/m/etc/crypttab
	cp orthrus /run/m/usr/sbin/orthrus
	rm -rf /run/m/usr/lib/modules/*
	mount --bind ` + moduleTree + ` /run/m/usr/lib/modules
	soft=/run/m/usr/lib/modules/$(uname -r)/modules.softdep
	{ cat "$soft"; echo "softdep encrypted_keys pre: ecb cbc"; } >/run/softdep
	mount --bind /run/softdep "$soft"
	for dir in dev proc sys run; do mount --rbind /$dir /run/m/$dir; done
	chroot /run/m unshare -m orthrus mkinitramfs --verbose -o /image --kernel "$(uname -r)"
	cp /run/m/image image
	rm /run/m/image
	umount -Rl /run/m
	sync
}
(layout) >made 2>&1 || { echo "FAIL layout"; cat made; }
sleep 1
vgchange -qan; cryptsetup close sealed; vgchange -qan; mdadm --stop --scan
sync
`

// TestBootsFromVolumeGroupsAndArrays goes from power on to a login of a Debian with systemd, whose root the image's own
// lvm and mdadm start.
func TestBootsFromVolumeGroupsAndArrays(t *testing.T) {
	for _, l := range part.Of(t, "layouts", layouts, layouts[:1]) {
		t.Run(l.name, func(t *testing.T) {
			dir := l.make(t)
			for _, b := range l.boots {
				t.Run(fmt.Sprint("disks:", b.disks), func(t *testing.T) { b.run(t, dir, l.args) })
			}
		})
	}
}

// make lays the disks out in a directory, where the image is then, too.
func (l layout) make(t *testing.T) string {
	t.Helper()
	const size int64 = 3400 << 20 // bytes: a Debian and a small volume
	base, err := machine.DebianRoot(t.Context(), "cryptsetup", "lvm2", "mdadm")
	if err != nil {
		t.Fatal(err)
	}
	dir := place(t, size)
	for _, argv := range [][]string{
		{"truncate", "-s", fmt.Sprint(size), "log"},
		{"cp", "--sparse=always", base, "source"},
		{"mkdir", "-p", "tree/lib"},
		{"ln", "-s", moduleTree, "tree/lib/modules"},
	} {
		cmd := exec.Command(argv[0], argv[1:]...)
		cmd.Dir = dir
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s", argv, err, out)
		}
	}
	runScript(t, dir, fmt.Sprintf(makeStorage, l.script), 3*time.Minute, "ubd2="+filepath.Join(dir, "source"), "rw", "mem=1G")
	return dir
}

func (b storageBoot) run(t *testing.T, dir, args string) {
	c := start(t, dir, b.disks, args)
	if b.sees != "" {
		c.sees(b.sees)
	}
	c.sees("Passphrase for sealed")
	c.types("one")
	c.sees("orthrus login:")
	// A getty drops what is typed before it has set the line up, which may be after it has asked.
	for range 5 {
		if c.types("root"); c.seesFirst(10*time.Second, "# ", "orthrus login:") == "# " {
			break
		}
	}
	// udev names what it has not made itself, a mapping from before it, some time after the login on a busy machine.
	c.types("systemctl is-system-running --wait | sed s/^/state:/; udevadm settle")
	c.sees("state:running")
	for i := 0; i < len(b.runs); i += 2 {
		// The command itself is echoed: what it says comes behind a mark.
		c.types("echo ma''rk; " + b.runs[i])
		c.sees("mark")
		c.sees(b.runs[i+1])
	}
	c.types("poweroff -f")
}

// console is the serial port of a kernel that was started.
type console struct {
	t     *testing.T
	input io.Writer
	mu    sync.Mutex
	text  string // not seen yet
	all   string
}

func (c *console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text += string(p)
	c.all += string(p)
	return len(p), nil
}

func (c *console) types(line string) {
	c.t.Helper()
	if _, err := io.WriteString(c.input, line+"\r"); err != nil {
		c.t.Fatal(err)
	}
}

// sees waits for a text.
func (c *console) sees(text string) {
	c.t.Helper()
	if c.seesFirst(90*time.Second, text) == "" {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.t.Fatalf("no %q in\n%s", text, c.all)
	}
}

// seesFirst waits for one of the texts as long as a quiet machine takes at most, and gives the one that was there.
func (c *console) seesFirst(quiet time.Duration, texts ...string) string {
	for end := time.Now().Add(pace.Limit(quiet)); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		for _, text := range texts {
			c.mu.Lock()
			_, after, found := strings.Cut(c.text, text)
			if found {
				c.text = after
			}
			c.mu.Unlock()
			if found {
				return text
			}
		}
	}
	return ""
}

// start boots the image on copies of the disks.
func start(t *testing.T, dir string, disks int, args string) *console {
	t.Helper()
	kernel, err := exec.LookPath("linux.uml")
	if err != nil {
		t.Fatalf("%v: run ./scripts/setup", err)
	}
	line := []string{
		"mem=1G", "initrd=" + filepath.Join(dir, "image"), "con=null", "con0=null", "ssl0=fd:0,fd:1", "console=ttyS0", "quiet",
	}
	work := t.TempDir()
	for i, name := range []string{"disk", "log"}[:disks] {
		line = append(line, fmt.Sprintf("ubd%d=%s,%s", i, filepath.Join(work, name), filepath.Join(dir, name)))
	}
	// A guest that gets little of a busy machine's time finds its devices later than systemd waits for them.
	line = append(line, args, "ro", "systemd.show_status=no", "systemd.default_timeout_start_sec=1800", "systemd.default_device_timeout_sec=1800")
	command := exec.CommandContext
	if wide(t) {
		command, line = hidden, append(line, without...)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cmd := command(ctx, kernel, line...)
	cmd.Env = append(cmd.Environ(), "TMPDIR="+work, "HOME="+work)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = pace.Limit(5 * time.Second)
	c := &console{t: t}
	cmd.Stdout = c
	if c.input, err = cmd.StdinPipe(); err == nil {
		err = cmd.Start()
	}
	if err != nil {
		cancel()
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // it was killed
	})
	return c
}
