// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRepairKeepsItsHandsOff: while a device with the same UUID is attached, and while somebody else holds
// cryptsetup's lock, repair changes nothing. Where another signature lies on the device no verb mends
// by itself, and repair, which is asked for, says so and does it.
func TestRepairKeepsItsHandsOff(t *testing.T) {
	dir := place(t, diskSize)
	if err := os.WriteFile(filepath.Join(dir, "log"), make([]byte, diskSize), 0o600); err != nil {
		t.Fatal(err)
	}
	runScript(t, dir, `
# says TEXT: what the last command printed holds it.
says() { case $out in *"$1"*) ;; *) echo "FAIL at $at: no \"$1\" in: $out" ;; esac; }
# still NAME: the disk holds what the file does.
still() { cmp -s "/run/$1" /dev/ubda || echo "FAIL at $at: the disk was written to"; }
take() { want 0 dd if=/dev/ubda of="/run/$1" bs=1M iflag=direct; }
want 0 ./orthrus luksFormat -q --luks2-keyslots-size 1m --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file one /dev/ubda
take whole
want 0 dd if=/dev/zero of=/dev/ubda bs=4096 count=1 oflag=direct
take damaged

at=clone
want 0 dd if=/run/whole of=/dev/ubdb bs=1M oflag=direct
want 1 ./orthrus repair -q --undo /run/undo /dev/ubda
says "Another device with UUID"
says /dev/ubdb
still damaged
[ ! -e /run/undo ] || echo FAIL an undo copy of nothing
want 0 ./orthrus repair -q --undo /run/undo --ignore-clones /dev/ubda
want 0 cryptsetup open --test-passphrase --key-file one /dev/ubda
want 0 ./orthrus repair -q --undo /run/undo /dev/ubda
still damaged
want 0 dd if=/dev/zero of=/dev/ubdb bs=1M count=4 oflag=direct

at=lock
mkdir -p /run/cryptsetup
flock "/run/cryptsetup/L_$(stat -c %Hr:%Lr /dev/ubda)" sleep 30 &
holder=$!
sleep 1
want 5 ./orthrus repair -q --undo /run/undo2 /dev/ubda
says "Somebody else holds the lock"
still damaged
kill $holder
wait $holder 2>/dev/null

at=signature
want 0 dd if=/dev/zero of=/run/swap bs=1M count=1
want 0 mkswap /run/swap
want 0 dd if=/run/swap of=/dev/ubda bs=4096 count=1 oflag=direct
take foreign
want 1 ./orthrus luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file one /dev/ubda two
still foreign
want 1 ./orthrus open --key-file one /dev/ubda x
still foreign
want 0 ./orthrus repair -q --undo /run/undo3 /dev/ubda
says "also bears a signature of swap"
want 0 cryptsetup open --test-passphrase --key-file one /dev/ubda
want 0 ./orthrus check /dev/ubda
`, 3*time.Minute)
}
