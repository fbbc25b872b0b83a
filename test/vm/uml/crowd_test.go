// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"fmt"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
)

// TestKeysAddedAtOnceToABlockDevice: processes of ours and of cryptsetup add a key each to one block device,
// whose lock is a file that comes and goes. Ours are never refused; cryptsetup's, which give up where
// somebody else was faster, try again. Every key that is in opens the volume with both.
func TestKeysAddedAtOnceToABlockDevice(t *testing.T) {
	pairs := part.Count(t, "pairs of keys", 15, 2)
	dir := place(t, 16<<20)
	runScript(t, dir, fmt.Sprintf(`
cost="--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
at=setup
want 0 ./orthrus luksFormat -q --luks2-keyslots-size 10m $cost --key-file one /dev/ubda
running=
for i in $(seq %d); do
	printf a%%s "$i" >/run/a"$i"
	printf b%%s "$i" >/run/b"$i"
	{ ./orthrus luksAddKey -q $cost --key-file one /dev/ubda /run/a"$i" && : >/run/in.a"$i"; } &
	running="$running $!"
	{
		try=0
		until cryptsetup luksAddKey -q $cost --key-file one /dev/ubda /run/b"$i" 2>/dev/null; do
			try=$((try + 1))
			[ $try -lt 99 ] || exit
		done
		: >/run/in.b"$i"
	} &
	running="$running $!"
done
wait $running
for at in $(seq %[1]d); do
	for key in a"$at" b"$at"; do
		[ -e /run/in.$key ] || echo "FAIL key $key was refused"
		want 0 cryptsetup open --test-passphrase --key-file /run/$key /dev/ubda
		want 0 ./orthrus open --test-passphrase --key-file /run/$key /dev/ubda
	done
done
at=end
want 0 ./orthrus check /dev/ubda
want 0 cryptsetup open --test-passphrase --key-file one /dev/ubda
[ -z "$(ls /run/cryptsetup)" ] || echo "FAIL locks are left: $(ls /run/cryptsetup)"
`, pairs), 10*time.Minute)
	t.Logf("%d additions at once, half of them by cryptsetup: all are in", 2*pairs)
}
