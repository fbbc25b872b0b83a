// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestDebianPackagesComeAndGo goes the whole way of Debian's packages on a machine with an encrypted root: they are
// built and linted, installed in the place of cryptsetup-bin on the running machine, which boots by the image that
// their hook has made; then cryptsetup-bin is installed again and they are purged, and the machine boots as before.
func TestDebianPackagesComeAndGo(t *testing.T) {
	var j journey
	for _, step := range []struct {
		name string
		do   func(t *testing.T)
	}{
		{"the packages are built and linted", j.build},
		{"the machine is made", j.settle},
		{"it boots with the old program", j.bootsOld},
		{"the packages are installed", j.install},
		{"it boots with ours", j.bootsOurs},
		{"the old program is installed, ours are purged", j.goesBack},
		{"it boots with the old program again", j.bootsOld},
	} {
		if !t.Run(step.name, func(t *testing.T) {
			begin := time.Now()
			step.do(t)
			t.Logf("%.0f s", time.Since(begin).Seconds())
		}) {
			break
		}
	}
	if j.s != nil {
		j.s.M.Close()
	}
}

// journey is a machine whose disks stay from boot to boot. What is on the one named boot the kernel's loader would read:
// that disk is not encrypted.
type journey struct {
	debs, dir  string
	root, boot machine.Disk
	s          *Session
}

const (
	oldVersion = "cryptsetup 2.6.1"
	ourVersion = "cryptsetup 2.8.6"
	bootSize   = 256 << 20 // bytes
	// spell is for what a package manager does and a new image, on a quiet machine that is emulated.
	spell = 5 * time.Minute
)

// build makes the packages of what is committed.
func (j *journey) build(t *testing.T) {
	dir, err := machine.ModuleDir()
	must(t, err)
	j.dir = filepath.Join(workDir, "journey")
	j.debs = filepath.Join(j.dir, "debs")
	must(t, os.MkdirAll(j.debs, 0o755))
	run(t, "", "make", "-C", dir, "sources", "RELEASES="+j.debs)
	out, err := exec.CommandContext(t.Context(), "make", "-C", dir, "deb", "RELEASES="+j.debs).CombinedOutput()
	if err != nil {
		t.Fatalf("make deb: %v\n%s", err, out)
	}
	_, said, found := strings.Cut(string(out), "lintian says:\n")
	if !found || strings.Contains(said, "E: ") {
		t.Errorf("lintian did not run, or found errors:\n%s", out)
	}
	t.Logf("lintian says:\n%s", said)
	cache, err := machine.CacheDir()
	must(t, err)
	run(t, "", "cp", filepath.Join(cache, "spare/cryptsetup-bin.deb"), j.debs)
}

// makeJourney puts the packages and a separate /boot into the encrypted root, and Debian's own image there.
const makeJourney = `
printf "` + KeyText + `" >/tmp/key
cryptsetup open --key-file /tmp/key "$1" sealed
mount /dev/mapper/sealed /mnt
mke2fs -q -t ext4 -L boot "$2"
mkdir /tmp/boot
mount "$2" /tmp/boot
cp -a /mnt/boot/. /tmp/boot/
umount /tmp/boot
mount "$2" /mnt/boot
echo "LABEL=boot /boot ext4 defaults 0 2" >>/mnt/etc/fstab
mkdir /mnt/var/debs
cp /debs/*.deb /mnt/var/debs/
printf 'MODULES=list\nCOMPRESS=gzip\nCOMPRESSLEVEL=1\n' >/mnt/etc/initramfs-tools/conf.d/few
printf 'virtio_pci\nvirtio_blk\next4\n' >>/mnt/etc/initramfs-tools/modules
/lib/systemd/systemd-udevd --daemon
udevadm trigger --settle
for dir in dev proc sys run; do mount --rbind /$dir /mnt/$dir; done
chroot /mnt update-initramfs -c -k "$(ls /lib/modules | grep '^[0-9]')"
sync
mount -o remount,ro /mnt/boot
mount -o remount,ro /mnt`

// settle makes the disks.
func (j *journey) settle(t *testing.T) {
	j.root = machine.Disk{Name: "root", File: filepath.Join(j.dir, "root")}
	j.boot = machine.Disk{Name: "boot", File: filepath.Join(j.dir, "boot")}
	run(t, "", "cp", "--sparse=always", requireSealedRoot(t), j.root.File)
	run(t, "", "truncate", "-s", fmt.Sprint(bootSize), j.boot.File)
	cfg := Workshop(j.root, j.boot)
	cfg.Memory, cfg.Files = 2048, map[string]string{"/debs": j.debs}
	m, err := machine.Start(t.Context(), cfg)
	must(t, err)
	defer m.Close()
	_, err = Script(t.Context(), m, makeJourney, "root", "boot")
	must(t, err)
}

// image takes the initial file system from the disk with /boot.
func (j *journey) image(t *testing.T) string {
	t.Helper()
	modules, err := machine.KernelModules()
	must(t, err)
	file := filepath.Join(j.dir, "initrd")
	run(t, "", "debugfs", "-R", "dump /initrd.img-"+filepath.Base(modules)+" "+file, j.boot.File)
	return file
}

// powersOn boots, and answers whoever asks with that text for the passphrase.
func (j *journey) powersOn(t *testing.T, prompt string) {
	t.Helper()
	var err error
	j.s, err = PowerOn(context.Background(), machine.Config{
		Initramfs: j.image(t), Memory: memory, Disks: []machine.Disk{j.root, j.boot},
		CPUs:       1, // two emulated ones stop in the kernel's clear_page where the host is busy
		KernelArgs: []string{RootArgs, "systemd.show_status=no"},
	})
	must(t, err)
	j.try(t, j.s.Sees(t.Context(), prompt), j.s.Types(Passphrase))
	j.says(t, "findmnt -no SOURCE /", "/dev/mapper/sealed")
}

// try shows the console where something has failed.
func (j *journey) try(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatalf("%v\n%s", err, j.s.M.Console().Tail(60))
		}
	}
}

func (j *journey) says(t *testing.T, command, want string) {
	t.Helper()
	j.try(t, j.s.Runs(t.Context(), command, want))
}

// does runs what takes a while and has to succeed.
func (j *journey) does(t *testing.T, command string) {
	t.Helper()
	j.try(t, j.s.Types(command+"; echo co''de=x$?x"), j.s.seesWithin(t.Context(), "code=", spell),
		j.s.seesWithin(t.Context(), "x0x", time.Second))
}

// reboots ends the machine as its owner would.
func (j *journey) reboots(t *testing.T) {
	t.Helper()
	j.try(t, j.s.Types("reboot"), j.s.Sees(t.Context(), "reboot: Restarting system"))
	j.s.M.Close()
	j.s = nil
}

func (j *journey) bootsOld(t *testing.T) {
	j.powersOn(t, DebianOwn.prompt())
	j.says(t, "cryptsetup --version", oldVersion)
	j.says(t, "cryptsetup status sealed", "is active")
	j.says(t, "dpkg --audit; ls /usr/sbin/orthrus /sbin/orthrus", "No such file")
}

const aptInstall = "DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "

func (j *journey) install(t *testing.T) {
	j.does(t, aptInstall+"/var/debs/orthrus*.deb")
	j.says(t, "cryptsetup --version", ourVersion)
	j.says(t, "dpkg -S /sbin/cryptsetup", "orthrus-cryptsetup: /sbin/cryptsetup")
	j.says(t, "dpkg -s cryptsetup-bin cryptsetup 2>&1 | grep -E '^Status|not installed'", "package 'cryptsetup-bin' is not installed")
	j.does(t, "test -z \"$(dpkg --audit)\" && apt-get check && "+
		"test -z \"$(dpkg -V orthrus orthrus-cryptsetup orthrus-initramfs | grep -v ' /usr/share/')\"")
	j.says(t, "systemctl is-enabled orthrus-guard.service", "disabled")
	j.reboots(t)
}

func (j *journey) bootsOurs(t *testing.T) {
	j.powersOn(t, Prompt)
	if n := j.s.Asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	j.says(t, "cryptsetup --version", ourVersion)
	j.says(t, "cryptsetup status sealed", "is active")
	j.says(t, "cryptsetup luksDump /dev/disk/by-uuid/"+RootUUID, "PBKDF:      argon2id")
	j.does(t, "printf '"+Passphrase+"' | cryptsetup open --test-passphrase /dev/disk/by-uuid/"+RootUUID)
}

func (j *journey) goesBack(t *testing.T) {
	j.does(t, aptInstall+"/var/debs/cryptsetup-bin.deb")
	j.says(t, "dpkg -S /sbin/cryptsetup", "cryptsetup-bin: /sbin/cryptsetup")
	j.says(t, "cryptsetup --version", oldVersion)
	j.does(t, "apt-get purge -y orthrus-initramfs orthrus")
	j.does(t, "test -z \"$(dpkg --audit)\" && apt-get check && "+
		"test -z \"$(dpkg -V cryptsetup-bin | grep -v ' /usr/share/')\"")
	j.does(t, "test -z \"$(find /usr /etc /var/lib/dpkg -xdev -name '*orthrus*')\"")
	j.reboots(t)
}
