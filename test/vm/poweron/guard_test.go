// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

const (
	guardedUUID = "00000000-7000-4000-8000-00000000000d"
	guardedSize = 64 << 20 // bytes

	// withGuard puts into the encrypted root what make install does, and enables the guard as a person would.
	withGuard = `
printf "` + KeyText + `" >/tmp/key
cryptsetup open --key-file /tmp/key "$1" sealed
mount /dev/mapper/sealed /mnt
cp -a /stage/. /mnt/
printf 'repair = proven\ngrow = yes\n' >/mnt/etc/orthrus/guard.conf
mkdir -p /mnt/etc/systemd/system/orthrus-guard.service.d
printf '[Service]\nWatchdogSec=10\n' >/mnt/etc/systemd/system/orthrus-guard.service.d/soon.conf
chroot /mnt systemctl enable orthrus-guard
umount /mnt
cryptsetup close sealed
sync`

	// steps says "proven" and a step's name once what it is about holds, and "ended" in any case.
	steps = `#!/bin/sh
set -eu
trap "echo ended $1" EXIT
disk=/dev/disk/by-id/virtio-guarded
await() {
	for _ in $(seq 300); do
		! eval "$1" || return 0
		sleep 0.2
	done
	echo "never: $1"
	blockdev --getsize64 $disk /dev/mapper/guarded || true
	orthrus guard status || true
	journalctl --no-pager -n 40 -u orthrus-guard
	exit 1
}
property() { systemctl show --value -p "$1" orthrus-guard; }
reports() { orthrus guard status | grep -q "$1"; }
case $1 in
running)
	await '[ "$(property ActiveState)" = active ]'
	[ "$(property Type)" = notify ] && [ "$(property NRestarts)" = 0 ]
	await "reports ` + RootUUID + `"
	;;
seen) await "reports ` + guardedUUID + `" ;;
gone) await "! [ -e $disk ]" ;;
mended)
	await "orthrus check $disk"
	await "journalctl -u orthrus-guard -o json | grep -q 'primary header written'" # told after the write
	ls /var/lib/orthrus/undo/*
	;;
opened) orthrus open --link-for-guard --key-file /key $disk guarded && [ "$(blockdev --getsize64 /dev/mapper/guarded)" -lt ` + "$((64 << 20))" + ` ] ;;
grown) await '[ "$(blockdev --getsize64 /dev/mapper/guarded)" -eq ` + "$((112 << 20))" + ` ]' ;;
reloaded)
	before=$(property MainPID)
	systemctl reload orthrus-guard
	await '[ "$(property ActiveState)" = active ]' && [ "$(property MainPID)" = "$before" ]
	orthrus guard status >/dev/null
	;;
watched)
	kill -STOP "$(property MainPID)"
	await '[ "$(property NRestarts)" = 1 ] && [ "$(property ActiveState)" = active ]'
	await "reports ` + guardedUUID + `"
	;;
stopped)
	systemctl stop orthrus-guard
	[ "$(property ActiveState)" = inactive ] && [ "$(property Result)" = success ]
	;;
esac
echo "proven $1"
`
)

// TestGuardUnderSystemd: the installed unit, with all that it forbids, from the boot to its stop: it sees, mends,
// follows growth without a passphrase, reloads, and is started again where it hangs.
func TestGuardUnderSystemd(t *testing.T) {
	root := copiedRoot(t, func(*os.File) {})
	installGuard(t, root)
	s := powerOn(t, imageOf(t, Ours), memory, root)
	answer(t, s)
	proves(t, s, "running")
	disk := guardedDisk(t)
	must(t, s.M.Plug(t.Context(), disk))
	proves(t, s, "seen")
	must(t, s.M.Unplug(t.Context(), disk.Name))
	proves(t, s, "gone")
	zeroPrimary(t, disk.File)
	must(t, s.M.Plug(t.Context(), disk))
	proves(t, s, "mended")
	proves(t, s, "opened")
	must(t, s.M.Resize(t.Context(), disk.Name, 2*guardedSize))
	proves(t, s, "grown")
	for _, step := range []string{"reloaded", "watched", "stopped"} {
		proves(t, s, step)
	}
}

func proves(t *testing.T, s *Session, step string) {
	t.Helper()
	must(t, s.Runs(t.Context(), "sh /steps "+step, "ended "+step))
	if said := s.M.Console().Tail(80); !strings.Contains(said, "proven "+step) {
		t.Fatalf("%s is not so:\n%s", step, said)
	}
}

// installGuard changes the encrypted root in a machine of its own.
func installGuard(t *testing.T, root machine.Disk) {
	stage := filepath.Join(t.TempDir(), "stage")
	must(t, install(t.Context(), stage))
	must(t, os.MkdirAll(filepath.Join(stage, "etc/orthrus"), 0o755))
	must(t, os.WriteFile(filepath.Join(stage, "steps"), []byte(steps), 0o600))
	must(t, os.WriteFile(filepath.Join(stage, "key"), []byte(Passphrase), 0o600))
	cfg := Workshop(root)
	cfg.Files = map[string]string{"/stage": stage}
	m, err := machine.Start(t.Context(), cfg)
	must(t, err)
	t.Cleanup(m.Close)
	if _, err := Script(t.Context(), m, withGuard, root.Name); err != nil {
		t.Fatal(err)
	}
	m.PowerOff()
}

// guardedDisk is a volume whose data reach to the end of its device.
func guardedDisk(t *testing.T) machine.Disk {
	file := filepath.Join(t.TempDir(), "guarded")
	run(t, "", "truncate", "-s", "64M", file)
	run(t, Passphrase, program(t), "luksFormat", "-q", "--uuid", guardedUUID, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000",
		"--key-file", "-", file)
	return machine.Disk{Name: "guarded", File: file}
}

func zeroPrimary(t *testing.T, file string) {
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	must(t, err)
	overwrite(t, f, make([]byte, 16<<10))
	must(t, f.Close())
}
