// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/test/vm/cuts"
)

// withIntegrity loads what the layer of tags needs, and links our program by its name.
const withIntegrity = `for m in crypto/xor crypto/crc32c_generic drivers/md/dm-bufio crypto/async_tx/async_tx \
	crypto/async_tx/async_xor drivers/md/dm-integrity drivers/md/md-mod drivers/md/raid1; do
	f=` + moduleTree + `/$(uname -r)/kernel/$m.ko
	[ ! -e "$f" ] || insmod "$f" 2>/dev/null
done
`

const integrityDisk = 4 << 20

// Of a device that is written through, every prefix of its writes, which is what a power cut leaves, is what its mode
// promises: with a journal each sector has the tag of what is there, with a bitmap what has not is marked, and without
// either there are sectors that are errors. The kernel's own words are not needed: the writes are read without it.
func TestEveryPowerCutLeavesWhatTheModePromises(t *testing.T) {
	for _, c := range []struct{ mode, options string }{
		{"journal", "--journal-commit-time 20"}, {"bitmap", "-B"}, {"direct", "-D"},
	} {
		t.Run(c.mode, func(t *testing.T) {
			t.Parallel()
			dir := place(t, integrityDisk)
			if err := os.WriteFile(filepath.Join(dir, "log"), make([]byte, 48<<20), 0o600); err != nil {
				t.Fatal(err)
			}
			if err := os.Mkdir(filepath.Join(dir, "results"), 0o700); err != nil {
				t.Fatal(err)
			}
			var script strings.Builder
			say := func(format string, args ...any) { fmt.Fprintf(&script, format+"\n", args...) }
			say("at=%s; %s", c.mode, withIntegrity)
			say("mount -t hostfs results /mnt -o %s/results || echo FAIL mount results", dir)
			say("want 0 ./orthrus integrity format -q -s 4096 /dev/ubda")
			say("want 0 dd if=/dev/ubda of=/mnt/base bs=1M iflag=direct")
			say("want 0 dmsetup create over --table '0 %d log-writes /dev/ubda /dev/ubdb'", integrityDisk/512)
			say("want 0 dmsetup mknodes over")
			say("want 0 ./orthrus integrity open %s /dev/mapper/over v", c.options)
			for round := range 4 {
				say("want 0 dd if=/dev/urandom of=/dev/mapper/v bs=64k seek=%d count=8 oflag=direct", round*8)
				say("want 0 sync /dev/mapper/v")
			}
			say("want 0 ./orthrus integrity close v")
			say("want 0 dmsetup remove --retry over")
			runScript(t, dir, script.String(), 10*time.Minute)
			states, wrong, unchecked := replayTags(t, dir, c.mode == "journal")
			t.Logf("%d states, sectors with a wrong tag in %d of them, marked ones in %d", states, wrong, unchecked)
			if states < 20 || (wrong > 0) != (c.mode == "direct") || (unchecked > 0) != (c.mode == "bitmap") {
				t.Errorf("%s: %d states, %d with wrong tags, %d with marked sectors", c.mode, states, wrong, unchecked)
			}
		})
	}
}

// replayTags reads every state that a power cut leaves. whole: each block is as it was, or as it is in the end.
func replayTags(t *testing.T, dir string, whole bool) (states, wrong, unchecked int) {
	t.Helper()
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	writes, err := cuts.ParseLog(log)
	if err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(filepath.Join(dir, "results", "base")) // from before the log
	if err != nil {
		t.Fatal(err)
	}
	disk, err := os.ReadFile(filepath.Join(dir, "disk"))
	if err != nil {
		t.Fatal(err)
	}
	before, after := dataOf(t, image), dataOf(t, disk)
	for i, w := range writes {
		if len(w.Data) == 0 {
			continue
		}
		copy(image[w.Offset:], w.Data)
		if whole {
			eachIsOneOf(t, dataOf(t, image), before, after)
		}
		r, err := verifyTags(image)
		if err != nil {
			t.Fatalf("after write %d of %d: %v", i+1, len(writes), err)
		}
		states++
		if r.Mismatch > 0 {
			wrong++
		}
		if r.Unchecked > 0 {
			unchecked++
		}
	}
	if last, err := verifyTags(image); err != nil || !last.Sound() || !bytes.Equal(image, disk) {
		t.Errorf("in the end: %+v, %v, as the disk: %v", last, err, bytes.Equal(image, disk))
	}
	return states, wrong, unchecked
}

func tagsOf(image []byte) (*integrity.Volume, error) {
	dev := bytes.NewReader(image)
	sb, err := integrity.ReadSuperblock(dev, 0)
	if err != nil {
		return nil, err
	}
	l, err := sb.Layout(0)
	if err != nil {
		return nil, err
	}
	return l.NewVolume(context.Background(), dev, dev, integrity.JournalKeys{}, &integrity.Algorithm{Name: "crc32c"})
}

func verifyTags(image []byte) (*integrity.Report, error) {
	v, err := tagsOf(image)
	if err != nil {
		return nil, err
	}
	return v.Verify(context.Background())
}

// dataOf is what the kernel would read.
func dataOf(t *testing.T, image []byte) []byte {
	t.Helper()
	v, err := tagsOf(image)
	if err != nil {
		t.Fatal(err)
	}
	data := make([]byte, v.Size())
	if _, err := v.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	return data
}

func eachIsOneOf(t *testing.T, now, before, after []byte) {
	t.Helper()
	const block = 4096
	for at := 0; at < len(now); at += block {
		got := now[at : at+block]
		if !bytes.Equal(got, before[at:at+block]) && !bytes.Equal(got, after[at:at+block]) {
			t.Fatalf("the block at byte %d is neither the old one nor the new one", at)
		}
	}
}

// TestAMirrorRepairsRotThatTagsFind: what rots on one of two disks becomes a read error there, and the array reads the
// other, and writes the first anew.
func TestAMirrorRepairsRotThatTagsFind(t *testing.T) {
	dir := place(t, 24<<20)
	if err := os.WriteFile(filepath.Join(dir, "log"), make([]byte, 24<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	var script strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&script, format+"\n", args...) }
	say("at=mirror; %s", withIntegrity)
	for _, disk := range []string{"ubda", "ubdb"} {
		say("want 0 ./orthrus integrity format -q -s 4096 /dev/%s", disk)
		say("want 0 ./orthrus integrity open -B /dev/%s leg-%s", disk, disk)
	}
	const array = "mdadm --%s /dev/md7 %s /dev/mapper/leg-ubda /dev/mapper/leg-ubdb"
	say("want 0 "+array, "create", "--run --assume-clean --metadata=1.0 --level=1 --raid-devices=2")
	say("dd if=/dev/urandom of=/run/data bs=1M count=8 2>/dev/null")
	say("want 0 dd if=/run/data of=/dev/md7 bs=1M oflag=direct")
	say("want 0 mdadm --stop /dev/md7")
	close, open := "", ""
	for _, disk := range []string{"ubda", "ubdb"} {
		close += "want 0 ./orthrus integrity close leg-" + disk + "\n"
		open += "want 0 ./orthrus integrity open -B /dev/" + disk + " leg-" + disk + "\n"
	}
	say("%s", close)
	say("at=rot; want 0 ./orthrus integrity verify /dev/ubda")
	say("want 0 dd if=/dev/urandom of=/dev/ubda bs=4k seek=700 count=200 oflag=direct conv=notrunc")
	say("want 2 ./orthrus integrity verify /dev/ubda")
	say("want 0 ./orthrus integrity verify /dev/ubdb")
	say("%s", open)
	say("at=repair; want 0 "+array, "assemble", "--run")
	say("want 0 sh -c 'dd if=/dev/md7 bs=64k count=128 iflag=direct | cmp - /run/data'")
	say("action=/sys/block/md7/md/sync_action; echo check >$action; while ! grep -q idle $action; do sleep 1; done")
	say("grep -q '\\[UU\\]' /proc/mdstat || echo \"FAIL a leg was thrown out: $(cat /proc/mdstat)\"")
	say("want 0 sh -c 'dd if=/dev/md7 bs=64k count=128 iflag=direct | cmp - /run/data'")
	say("want 0 mdadm --stop /dev/md7")
	say("%s", close)
	say("at=after; want 0 ./orthrus integrity verify /dev/ubda; want 0 ./orthrus integrity verify /dev/ubdb")
	runScript(t, dir, script.String(), 10*time.Minute)
}
