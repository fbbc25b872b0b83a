// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// mapped is all that can be seen of a mapping from outside.
type mapped struct {
	table, info, readAhead, readOnly string
}

func lookAt(t *testing.T, name string) mapped {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat("/dev/mapper/"+name, &st); err != nil {
		t.Fatal(err)
	}
	dir := fmt.Sprintf("/sys/dev/block/%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	return mapped{
		table:     dmsetup(t, "table", "--showkeys", name),
		info:      dmsetup(t, "info", "-c", "--noheadings", "-o", "name,uuid,attr,segments,open", name),
		readAhead: readText(t, dir+"/queue/read_ahead_kb"),
		readOnly:  readText(t, dir+"/ro"),
	}
}

func readText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(string(text))
}

// opening is one way to open one of the volumes of TestTablesAreThoseOfCryptsetup.
type opening struct {
	name string
	args string // DISK1 is a LUKS1 volume, DISK2 and DISK4K are LUKS2, FREE has no header
	want string // a part of the table that must be there, so that both cannot be wrong together
}

var openings = []opening{
	{"luks2", "--key-file k1 DISK2", ":64:logon:cryptsetup:11111111-2222-4333-8444-555555555555-d0 0 "},
	{"luks2 with large sectors", "--key-file k1 DISK4K", "1 sector_size:4096"},
	{"luks2 read-only", "--readonly --key-file k1 DISK2", ""},
	{"luks2 with the key in the table", "--disable-keyring --key-file k1 DISK2", "crypt aes-xts-plain64 "},
	{"luks2 with discards", "--allow-discards --key-file k1 DISK2", "1 allow_discards"},
	{"luks2 with CPU flags", "--perf-same_cpu_crypt --perf-submit_from_crypt_cpus --key-file k1 DISK2", "2 same_cpu_crypt submit_from_crypt_cpus"},
	{"luks2 without queues", "--perf-no_read_workqueue --perf-no_write_workqueue --key-file k1 DISK4K", "3 no_read_workqueue no_write_workqueue sector_size:4096"},
	{"luks2 by a second keyslot", "--key-slot 1 --key-file k2 DISK2", ""},
	{"luks2 by volume key", "--volume-key-file volume-key DISK2", "-d0 0 "},
	{"luks2 with a detached header", "--header header2 --key-file k1 FREE", " 0 "},
	{"luks2 with a detached header and an offset", "--header header2at --key-file k1 FREE", " 8192"},
	{"luks1", "--key-file k1 DISK1", ""},
	{"luks1 read-only", "--readonly --key-file k1 DISK1", ""},
	{"luks1 with flags", "--allow-discards --perf-no_read_workqueue --key-file k1 DISK1", "2 allow_discards no_read_workqueue"},
	{"luks1 with a detached header", "--header header1 --key-file k1 FREE", ""},
	{"plain", "--type plain --cipher aes-xts-plain64 --key-size 512 --hash sha512 FREE", ""},
	{"plain with a short hash", "--type plain --cipher aes-xts-plain64 --key-size 512 --hash sha1 FREE", ""},
	{"plain with ripemd160", "--type plain --cipher aes-cbc-essiv:sha256 --key-size 256 --hash ripemd160 FREE", ""},
	{"plain with part of a hash", "--type plain --cipher aes-cbc-plain64 --key-size 128 --hash sha256 FREE", ""},
	{"plain without hash", "--type plain --cipher aes-cbc-plain64 --key-size 256 --hash plain FREE", ""},
	{"plain with a key file", "--type plain --cipher aes-xts-plain64 --key-size 256 --hash sha256 --key-file raw FREE", ""},
	{"plain with standard input as key file", "--type plain --cipher aes-xts-plain64 --key-size 256 --hash sha256 --key-file - FREE", ""},
	{"plain with part of standard input", "--type plain --cipher aes-xts-plain64 --key-size 256 --hash sha256 --key-file - --keyfile-offset 2 -l 4 FREE", ""},
	{"plain with the default size", "--type plain --cipher aes-xts-plain64 -s 0 --key-file raw FREE", ""},
	{"plain with bytes of a hash", "--type plain --cipher aes-cbc-plain64 --key-size 256 --hash sha256:20 FREE", "000000000000000000000000 0 "},
	{"plain with bytes of a passphrase", "--type plain --cipher aes-cbc-plain64 --key-size 256 --hash plain:2 FREE", "crypt aes-cbc-plain64 612000000000"},
	{"plain with a hash that is not used", "--type plain --cipher aes-xts-plain64 --key-size 256 --hash nothing --key-file raw FREE", ""},
	{"plain by the cipher's name alone", "--type plain --cipher aes --key-size 256 --hash sha256 FREE", "crypt aes-cbc-plain "},
	{"plain read-only", "--readonly --type plain --cipher aes-xts-plain64 --key-size 256 --hash sha256 FREE", ""},
	{"plain part", "--type plain --cipher aes-xts-plain64 --key-size 256 --hash sha256 --offset 16 --skip 32 --size 4096 FREE", "0 4096 crypt"},
	{"plain with large sectors", "--type plain --cipher aes-xts-plain64 --key-size 256 --hash sha256 --sector-size 4096 FREE", "1 sector_size:4096"},
	{"plain with large IV sectors", "--type plain --cipher aes-xts-plain64 --key-size 256 --hash sha256 --sector-size 4096 --iv-large-sectors FREE", "2 sector_size:4096 iv_large_sectors"},
	{"plain serpent", "--type plain --cipher serpent-cbc-plain --key-size 256 --hash sha256 --allow-discards FREE", ""},
}

// volumes puts the volumes of the openings onto the disks and returns what stands for them.
func volumes(b *bench, them program) *strings.Replacer {
	b.t.Helper()
	disk := map[string]string{
		"DISK1": machine.DiskPath(b.t, "b"), "DISK2": machine.DiskPath(b.t, "a"), "DISK4K": machine.DiskPath(b.t, "a4k"),
	}
	free := machine.Plug(b.t, machine.Disk{Name: "free", Size: 16 << 20})
	b.t.Cleanup(func() { machine.Unplug(b.t, "free") })
	b.write("raw", []byte(strings.Repeat("0123456789abcdef", 4)))
	format := func(args string) {
		b.t.Helper()
		b.must(them, append(words("luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1"), words(args)...)...)
	}
	const uuid2 = " --type luks2 --uuid 11111111-2222-4333-8444-555555555555 --luks2-keyslots-size 1m "
	const uuid1 = " --type luks1 --uuid 11111111-2222-4333-8444-666666666666 "
	format(uuid2 + "--sector-size 512 " + disk["DISK2"])
	format(uuid2 + "--sector-size 4096 " + disk["DISK4K"])
	format(uuid1 + disk["DISK1"])
	format(uuid2 + "--header header2 " + free)
	format(uuid2 + "--sector-size 512 --offset 8192 --header header2at " + free)
	format(uuid1 + "--header header1 " + free)
	b.must(them, words("luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 "+disk["DISK2"]+" k2")...)
	b.must(them, words("luksDump -q --dump-volume-key --volume-key-file volume-key --key-file k1 "+disk["DISK2"])...)
	return strings.NewReplacer("DISK1", disk["DISK1"], "DISK2", disk["DISK2"], "DISK4K", disk["DISK4K"], "FREE", free)
}

// TestTablesAreThoseOfCryptsetup opens each volume by both and compares what the kernel has then:
// table with keys, uuid, attributes, read-ahead, and what both say in status.
func TestTablesAreThoseOfCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		b := newBench(t)
		them := real(t, "bookworm")
		replace := volumes(b, them)
		// A read-ahead of the disk's own, larger than the default, is kept.
		if out, err := exec.Command("blockdev", "--setra", "4096", machine.DiskPath(t, "a")).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
		equal := 0
		for _, o := range openings {
			passed := t.Run(o.name, func(t *testing.T) { compareTables(&bench{t, b.dir}, o, replace, them) })
			if passed {
				equal++
			}
		}
		fmt.Printf("dm tables: %d of %d ways to open give the same table, uuid, attributes, read-ahead and status\n", equal, len(openings))
		fmt.Println("status, told apart on purpose:")
		for _, d := range statusDifferences {
			fmt.Printf("  2.6 %-44q  we, as 2.8: %q\n", d.old, d.new)
		}
	})
}

func compareTables(b *bench, o opening, replace *strings.Replacer, them program) {
	var seen [2]mapped
	for i, p := range []program{ours(), them} {
		args := words(replace.Replace(o.args))
		openWith(b, p, args)
		seen[i] = lookAt(b.t, "tab")
		if i == 1 {
			compareStatus(b, them)
		}
		b.must(p, "close", "tab")
	}
	if seen[0] != seen[1] {
		b.t.Errorf("orthrus    %+v\ncryptsetup %+v", seen[0], seen[1])
	}
	if !strings.Contains(seen[0].table, o.want) {
		b.t.Errorf("no %q in %s", o.want, seen[0].table)
	}
}

func compareStatus(b *bench, them program) {
	b.t.Helper()
	one, other := b.must(ours(), "status", "tab"), b.must(them, "status", "tab")
	if plainStatus(one) != plainStatus(other) {
		b.t.Errorf("status:\n%s\ncryptsetup's:\n%s", one, other)
	}
}

// openWith gives the passphrase on standard input where no key file is named.
func openWith(b *bench, p program, args []string) {
	b.t.Helper()
	b.t.Cleanup(func() { _ = exec.Command("dmsetup", "remove", "tab").Run() })
	cmd := exec.Command(p.path, append(append([]string{"open", "-q"}, args...), "tab")...)
	cmd.Dir = b.dir
	cmd.Stdin = strings.NewReader("a passphrase")
	if out, err := cmd.CombinedOutput(); err != nil {
		b.t.Fatalf("%s open %v: %v\n%s", p.name, args, err, out)
	}
}

// statusDifferences are what status of 2.6 and 2.8 have in other words.
var statusDifferences = []struct{ old, new string }{
	{"keysize: 512 bits", "keysize: 512 [bits]"},
	{"sector size:  512", "sector size:  512 [bytes]"},
	{"offset:  4096 sectors", "offset:  4096 [512-byte units] (2097152 [bytes])"},
	{"size:    258048 sectors", "size:    258048 [512-byte units] (132120576 [bytes])"},
	{"flags:   no_write_workqueue", "flags:   no_write_workqueue "},
	{"skipped: 32 sectors", "skipped: 32 [512-byte units] (16384 [bytes])"},
}

var unit = regexp.MustCompile(`(?m)( bits| sectors| \[(bits|bytes)\]| \[512-byte units\] \(\d+ \[bytes\]\))?[ ]*$`)

// plainStatus leaves out units and blanks at the end of a line.
func plainStatus(text string) string { return unit.ReplaceAllString(text, "") }

// TestPersistentFlagsAreShared: flags that one stores, the other applies.
func TestPersistentFlagsAreShared(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		b := newBench(t)
		them := real(t, "bookworm")
		disk := machine.DiskPath(t, "a")
		b.must(them, words("luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 1m --key-file k1 "+disk)...)
		for _, pair := range [][2]program{{ours(), them}, {them, ours()}} {
			b.open(pair[0], "tab", words("--persistent --allow-discards --perf-no_write_workqueue --key-file k1 "+disk)...)
			stored := lookAt(t, "tab")
			b.must(pair[0], "close", "tab")
			for _, p := range pair {
				b.open(p, "tab", words("--key-file k1 "+disk)...)
				if got := lookAt(t, "tab"); got != stored || !strings.Contains(got.table, "2 allow_discards no_write_workqueue") {
					t.Errorf("flags stored by %s, opened by %s: %+v, was %+v", pair[0].name, p.name, got, stored)
				}
				b.must(p, "close", "tab")
			}
			b.open(pair[1], "tab", words("--persistent --key-file k1 "+disk)...)
			if got := dmsetup(t, "table", "tab"); strings.Contains(got, "allow_discards") {
				t.Errorf("%s --persistent without flags keeps them: %s", pair[1].name, got)
			}
			b.must(pair[1], "close", "tab")
		}
	})
}
