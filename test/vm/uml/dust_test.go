// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"fmt"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
)

const (
	headSectors = 2 * 16384 / 512 // both heads
	diskSize    = 4 << 20         // bytes
)

// sectorsToTry are all of both heads but one in the long run, and otherwise the first of one head and one of the JSON
// area of the other. Sector 0 is left out: dm-dust takes each flush for a write there, which cures it.
func sectorsToTry(t *testing.T) []int {
	t.Helper()
	all := make([]int, headSectors-1)
	for i := range all {
		all[i] = i + 1
	}
	return part.Of(t, "positions of a bad sector", all, []int{32, 10})
}

// TestABadSectorIsReadAroundAndCured: with one unreadable sector in either head every key opens and
// nothing is written; a change of the header then heals the copy by writing it, but where the sector is
// the one that says how new the copy is: there a person decides with repair --choose. Afterwards the
// real cryptsetup finds nothing to mend.
func TestABadSectorIsReadAroundAndCured(t *testing.T) {
	dir := place(t, diskSize)
	sectors := sectorsToTry(t)
	limit := 2 * time.Minute
	if len(sectors) == headSectors-1 {
		limit = 20 * time.Minute
	}
	runScript(t, dir, fmt.Sprintf(`
cost="--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
at=setup
dmsetup create dust --table "0 %d dust /dev/ubda 0 512" && dmsetup mknodes dust || echo FAIL dmsetup create
dev=/dev/mapper/dust
want 0 ./orthrus luksFormat -q --luks2-keyslots-size 1m $cost --key-file one $dev
want 0 ./orthrus luksAddKey -q $cost --key-file one $dev two
for at in %s; do
	want 0 dmsetup message dust 0 addbadblock "$at"
	want 0 dmsetup message dust 0 enable
	want 1 dd if=$dev of=/dev/null bs=512 count=1 iflag=direct skip="$at"
	want 0 ./orthrus open --test-passphrase --key-file two $dev
	want 0 ./orthrus open --readonly --key-file one $dev "over$at"
	want 0 dd if="/dev/mapper/over$at" of=/dev/null bs=4096 count=1
	want 0 ./orthrus close "over$at"
	want 6 ./orthrus check $dev
	case $at in
	32)
		want 1 ./orthrus config --label "at $at" $dev
		want 1 ./orthrus repair -q --undo "/run/undo$at" $dev
		want 0 ./orthrus repair -q --choose primary --undo "/run/undo$at" $dev ;;
	*)
		want 0 ./orthrus config --label "at $at" $dev ;;
	esac
	want 0 ./orthrus check $dev
	want 0 dmsetup message dust 0 disable
	want 0 cryptsetup open --test-passphrase --key-file one $dev
done
at=end
want 0 cryptsetup open --test-passphrase --key-file two $dev
`, diskSize/512, list(sectors)), limit)
	t.Logf("%d of %d positions of a bad sector: all open, all healed", len(sectors), headSectors-1)
}
