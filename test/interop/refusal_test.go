// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
)

// refusal is a command that must fail, change nothing and say why.
type refusal struct {
	name  string
	args  string
	stdin string
	code  int
	peer  int    // cryptsetup's code where it is another; 0 for the same
	why   string // we differ on purpose
	says  string // a part of the first line of our error
	wrap  []string
	any   bool // the peer's code tells nothing: see why
}

// powerless starts a program as root without the rights of root.
var powerless = words("setpriv --bounding-set=-all --inh-caps=-all")

// limited bounds the size of the files that a program may write to 64 KiB, which for it is a full disk.
var limited = []string{"sh", "-c", `trap "" XFSZ; ulimit -f 128; exec "$@"`, "sh"}

const costs = "--pbkdf pbkdf2 --pbkdf-force-iterations 1000 "

var refusals = []refusal{
	{name: "open a missing device", args: "open --test-passphrase --key-file k1 missing.img", code: 4, says: "Device missing.img does not exist or access denied."},
	{name: "dump a missing device", args: "luksDump missing.img", code: 4, says: "Device missing.img does not exist"},
	{name: "isLuks of a missing device", args: "isLuks missing.img", code: 4, says: "Device missing.img does not exist"},
	{name: "uuid of a missing device", args: "luksUUID missing.img", code: 4, says: "Device missing.img does not exist"},
	{name: "format a missing device", args: "luksFormat -q --key-file k1 " + costs + "missing.img", code: 4, says: "Device missing.img does not exist"},
	{name: "add a key to a missing device", args: "luksAddKey -q --key-file k1 " + costs + "missing.img k2", code: 4, says: "Device missing.img does not exist"},
	{name: "kill in a missing device", args: "luksKillSlot -q --key-file k1 missing.img 0", code: 4, says: "Device missing.img does not exist"},
	{name: "missing header", args: "open --test-passphrase --key-file k1 --header missing.img v2.img", code: 4, says: "Device missing.img does not exist"},
	{name: "no uuid like that", args: "luksDump UUID=no-such-uuid", code: 4, says: "no-such-uuid"},
	{name: "a character device", args: "luksDump /dev/null", code: 4, says: "/dev/null"},
	{name: "isLuks of a character device", args: "isLuks /dev/null", code: 4, says: "/dev/null"},
	{name: "format a character device", args: "luksFormat -q --key-file k1 " + costs + "/dev/null", code: 4, says: "/dev/null"},
	{name: "a directory", args: "luksDump .", code: 4, says: "Device . "},
	{name: "dump what is no volume", args: "luksDump zero.img", code: 1, says: "Device zero.img is not a valid LUKS device."},
	{name: "open what is no volume", args: "open --test-passphrase --key-file k1 zero.img", code: 1, says: "Device zero.img is not a valid LUKS device."},
	{name: "uuid of what is no volume", args: "luksUUID zero.img", code: 1, says: "Device zero.img is not a valid LUKS device."},
	{name: "add to what is no volume", args: "luksAddKey -q --key-file k1 " + costs + "zero.img k2", code: 1, says: "Device zero.img is not a valid LUKS device."},
	{name: "kill in what is no volume", args: "luksKillSlot -q --key-file k1 zero.img 0", code: 1, says: "Device zero.img is not a valid LUKS device."},
	{name: "an empty file", args: "luksDump empty.img", code: 1, says: "empty.img"},
	{name: "format an empty file", args: "luksFormat -q --key-file k1 " + costs + "empty.img", code: 1, says: "Device empty.img is too small."},
	{name: "format a key file by mistake", args: "luksFormat -q " + costs + "k1 v2.img", code: 1, says: "Device k1 is too small."},
	{name: "a key file as header", args: "luksFormat -q --header k1 --key-file k1 " + costs + "v2.img", code: 1, says: "Device k1 is too small."},
	{name: "test a passphrase without the data", args: "open --test-passphrase --key-file k1 --header v2.img missing.img", code: 4, says: "Device missing.img does not exist"},
	{name: "test a passphrase beside a key file", args: "open --test-passphrase --key-file k1 --header v2.img k1", code: 1, says: "Header detected but device k1 is too small."},
	{name: "only tokens, of which luks1 has none", args: "open --test-passphrase --token-only --key-file k1 v1.img", code: 1, says: ""},
	// A file grows to what its header takes.
	{name: "format a file of a sector", args: "luksFormat -q --key-file k1 " + costs + "sector.img", code: 0},
	{name: "format a small file", args: "luksFormat -q --key-file k1 " + costs + "small.img", code: 0},
	{name: "luks1 in a small file", args: "luksFormat -q --type luks1 --key-file k1 --pbkdf-force-iterations 1000 small.img", code: 0},
	{name: "format a small file on a full disk", args: "luksFormat -q --key-file k1 " + costs + "small.img", code: 1, says: "small.img", wrap: limited},

	{name: "read without permission", args: "luksDump locked.img", code: 4, says: "Device locked.img does not exist or access denied.", wrap: powerless},
	{name: "open without permission", args: "open --test-passphrase --key-file k1 locked.img", code: 4, says: "Device locked.img does not exist or access denied.", wrap: powerless},
	{name: "add without permission", args: "luksAddKey -q --key-file k1 " + costs + "readonly.img k2", code: 1, says: "Cannot write to device readonly.img, permission denied.", wrap: powerless},
	{name: "kill without permission", args: "luksKillSlot -q --key-file k1 readonly.img 1", code: 1, says: "Cannot write to device readonly.img, permission denied.", wrap: powerless},
	{name: "format without permission", args: "luksFormat -q --key-file k1 " + costs + "readonly.img", code: 1, says: "Cannot write to device readonly.img, permission denied.", wrap: powerless},
	{name: "key file without permission", args: "open --test-passphrase --key-file locked-key v2.img", code: 1, says: "locked-key", wrap: powerless},

	{name: "a wrong passphrase", args: "open --test-passphrase v2.img", stdin: "wrong", code: 2, says: "No key available with this passphrase."},
	{name: "a wrong key file", args: "open --test-passphrase --key-file wrong v1.img", code: 2, says: "No key available with this passphrase."},
	{name: "add with a wrong passphrase", args: "luksAddKey -q --key-file wrong " + costs + "v2.img k2", code: 2, says: "No key available with this passphrase."},
	{name: "kill with a wrong passphrase", args: "luksKillSlot -q --key-file wrong v2.img 1", code: 2, says: "No key available with this passphrase."},
	{name: "kill with the passphrase that goes", args: "luksKillSlot -q --key-file k3 v2.img 1", code: 2, says: "No key available with this passphrase."},
	{name: "remove with a wrong passphrase", args: "luksRemoveKey -q v2.img wrong", code: 2, says: "No key available with this passphrase."},
	{name: "change with a wrong passphrase", args: "luksChangeKey -q --key-file wrong " + costs + "v2.img k2", code: 2, says: "No key available with this passphrase."},
	{name: "dump the volume key with a wrong passphrase", args: "luksDump -q --dump-volume-key --key-file wrong v2.img", code: 2, says: "No key available with this passphrase."},
	{name: "a wrong volume key", args: "open --test-passphrase --volume-key-file key32 v2.img", code: 2, says: "Volume key does not match the volume."},
	{name: "no passphrase", args: "open --test-passphrase v2.img", code: 1, says: "Nothing to read on input."},

	{name: "missing key file", args: "open --test-passphrase --key-file missing v2.img", code: 1, says: "missing"},
	{name: "format with a missing key file", args: "luksFormat -q --luks2-keyslots-size 1m --key-file missing " + costs + "v2.img", code: 1, says: "missing"},
	{name: "add a missing key file", args: "luksAddKey -q --key-file k1 " + costs + "v2.img missing", code: 1, says: "missing"},
	{name: "a directory as key file", args: "open --test-passphrase --key-file . v2.img", code: 1, says: " .: is a directory."},
	{name: "short key file", args: "open --test-passphrase --key-file k1 --keyfile-size 500 v2.img", code: 1, says: "Cannot read requested amount of data."},
	{name: "offset behind the key file", args: "open --test-passphrase --key-file k1 --keyfile-offset 500 v2.img", code: 1, says: "Cannot seek to requested keyfile offset."},
	{name: "long key file", args: "open --test-passphrase --key-file long v2.img", code: 1, says: "Maximum keyfile size exceeded."},
	{name: "volume key file exists", args: "luksDump -q --dump-volume-key --volume-key-file k2 --key-file k1 v2.img", code: 1, says: "Cannot open keyfile k2 for write."},

	{name: "kill an inactive keyslot", args: "luksKillSlot -q --key-file k1 v2.img 9", code: 1, says: "Keyslot 9 is not active."},
	{name: "kill a keyslot that cannot be", args: "luksKillSlot -q --key-file k1 v1.img 9", code: 1, says: "Keyslot 9 is not active."},
	{name: "add to a full keyslot", args: "luksAddKey -q --key-slot 1 --key-file k1 " + costs + "v2.img k2", code: 1, says: "Key slot 1 is full, please select another one."},
	{name: "add to a keyslot that cannot be", args: "luksAddKey -q --key-slot 8 --key-file k1 --pbkdf-force-iterations 1000 v1.img k2", code: 1, says: ""},
	{name: "open by an inactive keyslot", args: "open --test-passphrase --key-slot 9 --key-file k1 v2.img", code: 1, says: "No usable keyslot is available."},
	{name: "no area for a keyslot", args: "luksAddKey -q --key-file k1 " + costs + "full.img k2", code: 1, says: "No room in the keyslots area"},
	{name: "priority of an inactive keyslot", args: "config --priority prefer --key-slot 9 v2.img", code: 1, says: "eyslot 9 "},
	{name: "priority in luks1", args: "config --priority prefer --key-slot 0 v1.img", code: 1, says: "v1.img"},
	{name: "label in luks1", args: "config --label x v1.img", code: 1, says: "v1.img"},
	{name: "unbound in luks1", args: "luksAddKey -q --unbound --key-size 128 --pbkdf-force-iterations 1000 --key-slot 3 v1.img k2", code: 1, says: ""},
	{name: "JSON of luks1", args: "luksDump --dump-json-metadata v1.img", code: 1, says: "v1.img"},
	{name: "wrong uuid", args: "luksUUID -q --uuid x v2.img", code: 1, says: "Wrong LUKS UUID format provided."},
	{name: "volume with unknown requirements", args: "luksAddKey -q --key-file k1 " + costs + "later.img k2", code: 1, says: "requirements"},
	{name: "label of a volume with unknown requirements", args: "config --label x later.img", code: 1, says: "requirements"},

	{name: "unknown cipher", args: "luksFormat -q --cipher nonsense-xts-plain64 --key-file k1 " + costs + "v2.img", code: 1, says: "nonsense-xts-plain64"},
	{name: "no cipher", args: "luksFormat -q --cipher - --key-file k1 " + costs + "v2.img", code: 1, says: "No known cipher specification pattern detected."},
	{name: "unknown hash", args: "luksFormat -q --hash nonsense --key-file k1 " + costs + "v2.img", code: 1, says: "nonsense"},
	{name: "key size for no cipher", args: "luksFormat -q --key-size 136 --key-file k1 " + costs + "v2.img", code: 1, says: "136 bits"},
	{name: "unknown type", args: "luksFormat -q --type nonsense --key-file k1 " + costs + "v2.img", code: 1, says: "nonsense"},
	{name: "luks1 with a keyslots area", args: "luksFormat -q --type luks1 --luks2-keyslots-size 0 --key-file k1 --pbkdf-force-iterations 1000 v1.img", code: 1, says: "Unsupported LUKS2 metadata size options"},
	{name: "luks1 with large sectors", args: "luksFormat -q --type luks1 --sector-size 4096 --key-file k1 --pbkdf-force-iterations 1000 v1.img", code: 1, says: ""},
	{name: "odd metadata size", args: "luksFormat -q --luks2-metadata-size 20k --key-file k1 " + costs + "v2.img", code: 1, says: "20"},
	{name: "offset within the metadata", args: "luksFormat -q --offset 64 --key-file k1 " + costs + "v2.img", code: 1, says: ""},
	{name: "offset off the grid", args: "luksFormat -q --offset 8201 --key-file k1 " + costs + "v2.img", code: 1, says: "Data offset is not multiple of 4096 bytes."},
	{name: "keyslots larger than the offset", args: "luksFormat -q --offset 4096 --luks2-keyslots-size 4m --key-file k1 " + costs + "v2.img", code: 1, peer: -1, why: "cryptsetup makes a smaller area than it was told to", says: "v2.img"},
	{name: "null cipher", args: "luksFormat -q --cipher null-ecb --key-size 128 --key-file k1 " + costs + "v2.img", code: 1, says: "null", any: true, why: "nothing would be encrypted"},

	{name: "header file on a full disk", args: "luksFormat -q --header new.img --key-file k1 " + costs + "zero.img", code: 1, says: "new.img", wrap: limited},
	{name: "add on a full disk", args: "luksAddKey -q --key-file k1 " + costs + "v2.img k2", code: 1, says: "eyslot 2", wrap: limited},
	{name: "label on a full disk", args: "config --label x v2.img", code: 0, wrap: limited},
}

// materials makes what the commands work on.
func materials(b *bed) {
	volume := func(name, args string) {
		b.must(bench.bookworm, words("luksFormat -q --key-file k1 --cipher aes-xts-plain64 --key-size 256 "+args+" "+name)...)
	}
	for _, name := range []string{"v1.img", "v2.img", "full.img", "later.img", "zero.img"} {
		b.image(name, 5<<19)
	}
	volume("v1.img", "--type luks1 --pbkdf-force-iterations 1000")
	volume("v2.img", costs+"--luks2-keyslots-size 1m")
	volume("later.img", costs+"--luks2-keyslots-size 1m")
	volume("full.img", costs+"--luks2-keyslots-size 160k")
	b.must(bench.bookworm, words("luksAddKey -q --key-file k1 "+costs+"v2.img k3")...)
	reseal(b, "later.img", func(m object) { in(m, "config")["requirements"] = object{"mandatory": []any{"later"}} })
	b.write("empty.img", "")
	b.image("sector.img", 512)
	b.image("small.img", 256<<10)
	b.image("long", 9<<20)
	b.write("key32", "0123456789abcdef0123456789abcdef")
	b.copy("v2.img", "locked.img")
	b.copy("v2.img", "readonly.img")
	b.write("locked-key", "x")
	for name, mode := range map[string]os.FileMode{"locked.img": 0, "locked-key": 0, "readonly.img": 0o400} {
		if err := os.Chmod(b.path(name), mode); err != nil {
			b.t.Fatal(err)
		}
	}
}

// fingerprint is what every file holds that matters: those that exist, and their bytes.
func fingerprint(b *bed) map[string][sha256.Size]byte {
	b.t.Helper()
	files, err := filepath.Glob(b.path("*"))
	if err != nil {
		b.t.Fatal(err)
	}
	sums := map[string][sha256.Size]byte{}
	for _, file := range files {
		if name := filepath.Base(file); os.Geteuid() == 0 || name != "locked.img" && name != "locked-key" {
			sums[name] = b.sum(name)
		}
	}
	return sums
}

// TestRefusals is the table of bad input: both refuse with the same exit code unless it says why
// not, and we say in one line what is wrong, and have written nothing.
func TestRefusals(t *testing.T) {
	var passed atomic.Int32
	from := newBed(t)
	materials(from)
	t.Run("refusal", func(t *testing.T) {
		for _, r := range refusals {
			t.Run(r.name, func(t *testing.T) {
				t.Parallel()
				r.try(t, from)
				if !t.Failed() {
					passed.Add(1)
				}
			})
		}
	})
	var others []string
	for _, r := range refusals {
		if r.why != "" {
			others = append(others, fmt.Sprintf("  otherwise on purpose: %s: we exit %d: %s\n", r.name, r.code, r.why))
		}
	}
	fmt.Printf("bad input: %d of %d cases pass: %d with the exit code of cryptsetup 2.6.1, %d with another on purpose; nothing written\n%s",
		passed.Load(), len(refusals), len(refusals)-len(others), len(others), strings.Join(others, ""))
}

func (r refusal) try(t *testing.T, from *bed) {
	b := &bed{t, t.TempDir()}
	if out, err := exec.Command("cp", "-a", from.dir+"/.", b.dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	before := fingerprint(b)
	wrap := r.wrap
	if os.Geteuid() != 0 && len(wrap) > 0 && wrap[0] == "setpriv" {
		wrap = nil // without rights as it is
	}
	c := call{dir: b.dir, stdin: r.stdin, args: words(r.args), wrap: wrap}
	got := bench.ours.call(t, c)
	if got.code != r.code {
		t.Errorf("exit %d, want %d\n%s", got.code, r.code, got.stderr)
	}
	brief(b, words(r.args)[0], got, r.says)
	if after := fingerprint(b); r.code != 0 && fmt.Sprint(after) != fmt.Sprint(before) {
		for name, sum := range after {
			if before[name] != sum {
				t.Errorf("%s was changed or made", name)
			}
		}
	}
	want := r.code
	switch {
	case r.peer == -1:
		want = 0
	case r.peer != 0:
		want = r.peer
	}
	if peer := bench.bookworm.call(t, c); !r.any && peer.code != want {
		t.Errorf("cryptsetup 2.6.1 exits %d, want %d\n%s", peer.code, want, peer.stderr)
	}
}
