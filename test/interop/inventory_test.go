// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// quick are the costs of a keyslot, for both versions.
const quick = " --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "

// row is one use of an action. The maker makes a.img with k1 in keyslot 0, the other tool carries out
// `do` on it, and both must then say the same of it and accept the same keys.
type row struct {
	action string
	luks1  bool
	before string // by the maker; several commands with ; between
	do     string // by the other
	opens  string // key file, and perhaps --key-slot N, that both must accept then
	shut   string // and one that both must refuse; the exit code is compared
	after  string // commands whose output must be the same from both
	stdin  string // of do
	newer  bool   // 2.6.1 does not have it
}

var inventory = []row{
	{action: "luksFormat", do: "luksFormat -q" + quick + "--key-file k2 --label L --subsystem S --uuid 11111111-2222-4333-8444-555555555555 --sector-size 512 --luks2-metadata-size 32k --luks2-keyslots-size 1m --key-slot 3 --cipher aes-cbc-essiv:sha256 --key-size 256 --hash sha512 --use-random --force-password a.img", opens: "k2 --key-slot 3", shut: "k1"},
	{action: "luksFormat", do: "luksFormat -q" + quick + "--offset 8192 --keyslot-cipher aes-cbc-plain64 --keyslot-key-size 128 --use-urandom --disable-blkid a.img k2", opens: "k2", newer: true},
	{action: "luksFormat", before: "luksDump -q --dump-volume-key --volume-key-file vk --key-file k1 a.img", do: "luksFormat -q --iter-time 1 --pbkdf argon2id --pbkdf-memory 64 --pbkdf-parallel 1 --align-payload 8192 --volume-key-file vk --key-size 256 --luks2-keyslots-size 1m a.img k2", opens: "k2"},
	{action: "luksFormat", luks1: true, do: "luksFormat -q --type luks1 --pbkdf-force-iterations 1000 --align-payload 4096 --key-slot 2 --hash sha512 --key-file k2 --keyfile-size 5 --keyfile-offset 2 a.img", opens: "k2 --key-slot 2 --keyfile-size 5 --keyfile-offset 2", shut: "k1"},
	{action: "luksAddKey", do: "luksAddKey -q" + quick + "--key-file k1 --new-key-slot 4 --key-slot 0 a.img k2", opens: "k2 --key-slot 4"},
	{action: "luksAddKey", do: "luksAddKey -q" + quick + "--key-file k1 --new-keyfile k2 --new-keyfile-size 4 --new-keyfile-offset 1 --hash sha512 a.img", opens: "k2 --keyfile-size 4 --keyfile-offset 1", newer: true},
	{action: "luksAddKey", do: "luksAddKey -q" + quick + "--key-file k1 --keyslot-cipher aes-cbc-plain64 --keyslot-key-size 128 a.img k2", opens: "k2"},
	{action: "luksAddKey", before: "luksDump -q --dump-volume-key --volume-key-file vk --key-file k1 a.img", do: "luksAddKey -q" + quick + "--volume-key-file vk --key-slot 2 a.img k2", opens: "k2 --key-slot 2"},
	{action: "luksAddKey", do: "luksAddKey -q" + quick + "--unbound --key-size 128 --key-slot 7 a.img k2", opens: "k2 --unbound --key-slot 7", after: "luksDump -q --unbound --key-slot 7 --key-file k2 a.img"},
	{action: "luksAddKey", luks1: true, do: "luksAddKey -q --pbkdf-force-iterations 1000 --key-slot 6 --key-file k1 a.img k2", opens: "k2 --key-slot 6"},
	{action: "luksRemoveKey", before: "luksAddKey -q" + quick + "--key-file k1 a.img k2", do: "luksRemoveKey -q a.img k2", opens: "k1", shut: "k2"},
	{action: "luksRemoveKey", luks1: true, before: "luksAddKey -q --pbkdf-force-iterations 1000 --key-file k1 a.img k2", do: "luksRemoveKey -q --key-file k1 a.img", opens: "k2", shut: "k1"},
	{action: "luksChangeKey", before: "luksAddKey -q" + quick + "--key-file k1 --key-slot 5 a.img k2", do: "luksChangeKey -q" + quick + "--key-file k2 --key-slot 5 a.img k3", opens: "k3 --key-slot 5", shut: "k2"},
	{action: "luksChangeKey", do: "luksChangeKey -q" + quick + "--key-file k1 --new-keyfile-size 4 --new-keyfile-offset 1 a.img k2", opens: "k2 --keyfile-size 4 --keyfile-offset 1", shut: "k1"},
	{action: "luksChangeKey", luks1: true, before: "luksAddKey -q --pbkdf-force-iterations 1000 --key-file k1 a.img k2", do: "luksChangeKey -q --pbkdf-force-iterations 1000 --key-file k1 a.img k3", opens: "k3", shut: "k1"},
	{action: "luksConvertKey", do: "luksConvertKey -q --pbkdf argon2i --pbkdf-force-iterations 4 --pbkdf-memory 64 --pbkdf-parallel 1 --key-slot 0 --key-file k1 a.img", opens: "k1"},
	{action: "luksConvertKey", do: "luksConvertKey -q" + quick + "--keyslot-cipher aes-cbc-plain64 --keyslot-key-size 128 --key-file k1 a.img", opens: "k1"},
	{action: "luksKillSlot", before: "luksAddKey -q" + quick + "--key-file k1 a.img k2", do: "luksKillSlot -q a.img 1", opens: "k1", shut: "k2"},
	{action: "luksKillSlot", luks1: true, before: "luksAddKey -q --pbkdf-force-iterations 1000 --key-file k1 a.img k2", do: "luksKillSlot --key-file k2 a.img 0", opens: "k2", shut: "k1"},
	{action: "erase", do: "erase -q a.img", shut: "k1"},
	{action: "erase", luks1: true, do: "luksErase -q a.img", shut: "k1"},
	{action: "luksUUID", do: "luksUUID -q --uuid 11111111-2222-4333-8444-555555555555 a.img", opens: "k1", after: "luksUUID a.img"},
	{action: "luksUUID", luks1: true, do: "luksUUID -q --uuid 11111111-2222-4333-8444-555555555555 a.img", opens: "k1", after: "luksUUID a.img"},
	{action: "isLuks", do: "isLuks --type luks2 a.img", after: "isLuks -v a.img"},
	{action: "isLuks", luks1: true, do: "isLuks --type luks1 a.img", after: "isLuks -v a.img"},
	{action: "luksDump", do: "luksDump a.img", after: "luksDump --dump-json-metadata a.img;luksDump -q --dump-volume-key --key-file k1 a.img"},
	{action: "luksDump", luks1: true, do: "luksDump a.img", after: "luksDump -q --dump-master-key --key-file k1 a.img"},
	{action: "config", do: "config --priority prefer --key-slot 0 --label L --subsystem S a.img", opens: "k1"},
	{action: "token", do: "token add --key-description d --key-slot 0 --token-id 3 a.img", opens: "k1", after: "token export --token-id 3 a.img"},
	{action: "token", do: "token add --key-description d --unbound a.img", opens: "k1"},
	{action: "token", before: "token import --json-file t1 --token-id 5 a.img", do: "token import --token-replace --token-id 5 a.img", stdin: `{"type":"other","keyslots":[],"n":{"deep":[1,2]}}`, opens: "k1", after: "token export --token-id 5 a.img"},
	{action: "token", before: "token import --json-file t1 a.img", do: "token remove --token-id 0 a.img", opens: "k1"},
	{action: "token", before: "token import --json-file t1 --token-id 5 a.img", do: "token unassign --token-id 5 --key-slot 0 a.img", opens: "k1", newer: true},
	{action: "luksHeaderBackup", do: "luksHeaderBackup --header-backup-file back a.img", before: "luksUUID a.img", opens: "k1", after: "luksDump back"},
	{action: "luksHeaderRestore", before: "luksHeaderBackup --header-backup-file back a.img;luksErase -q a.img", do: "luksHeaderRestore -q --header-backup-file back a.img", opens: "k1"},
	{action: "luksHeaderRestore", luks1: true, before: "luksHeaderBackup --header-backup-file back a.img;luksErase -q a.img", do: "luksHeaderRestore -q --header-backup-file back a.img", opens: "k1"},
	{action: "repair", do: "repair -q a.img", opens: "k1"},
	{action: "repair", luks1: true, do: "repair -q a.img", opens: "k1"},
	{action: "convert", luks1: true, do: "convert -q --type luks2 a.img", opens: "k1"},
	{action: "convert", do: "convert -q --type luks1 a.img", opens: "k1"},
	{action: "open", do: "open --test-passphrase --type luks2 --key-slot 0 --key-file k1 --tries 1 --timeout 9 --disable-locks --disable-keyring --allow-discards a.img"},
	{action: "open", do: "luksOpen --test-passphrase --key-file k1 --keyfile-size 29 a.img"},
	{action: "open", luks1: true, before: "luksDump -q --dump-volume-key --volume-key-file vk --key-file k1 a.img", do: "open --test-passphrase --master-key-file vk a.img"},
	{action: "benchmark", do: "benchmark --pbkdf pbkdf2 --hash sha256"},
}

// covered notes which tool exercised what.
type covered struct {
	mu      sync.Mutex
	actions map[string]map[string]bool // action to "who on whose"
	options map[string]map[string]bool // action to options
}

func (c *covered) note(action, who, command string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, of := range []map[string]map[string]bool{c.actions, c.options} {
		if of[action] == nil {
			of[action] = map[string]bool{}
		}
	}
	c.actions[action][who] = true
	for _, word := range words(command) {
		if name, _, _ := strings.Cut(word, "="); strings.HasPrefix(name, "-") && name != "-" {
			c.options[action][name] = true
		}
	}
}

// TestEveryActionInBothDirections carries out each action by each tool on what the other made, and
// prints the table of actions and options. Actions that need the kernel are those of the virtual
// machine's tests; what is refused is refused here too.
func TestEveryActionInBothDirections(t *testing.T) {
	seen := &covered{actions: map[string]map[string]bool{}, options: map[string]map[string]bool{}}
	t.Run("rows", func(t *testing.T) {
		for i, r := range inventory {
			for _, p := range pairings() {
				if r.newer && slices.Contains(p[:], bench.bookworm) {
					continue
				}
				t.Run(fmt.Sprintf("%d_%s_by_%s_on_%s", i, r.action, p[1].name, p[0].name), func(t *testing.T) {
					t.Parallel()
					r.try(newBed(t), p[0], p[1])
					seen.note(r.action, p[1].name+" on "+p[0].name, r.do)
				})
			}
		}
	})
	seen.print(t)
}

func (r row) try(b *bed, maker, other tool) {
	b.write("t1", `{"type":"some","keyslots":["0"],"data":"x"}`)
	b.image("a.img", 20<<20)
	format := "luksFormat -q --key-file k1 --sector-size 512 --luks2-keyslots-size 2m" + quick + "a.img"
	if r.luks1 {
		format = "luksFormat -q --type luks1 --key-size 256 --pbkdf-force-iterations 1000 --key-file k1 a.img"
	}
	b.must(maker, words(format)...)
	for command := range strings.SplitSeq(r.before, ";") {
		if command != "" {
			b.must(maker, words(command)...)
		}
	}
	if got := other.call(b.t, call{dir: b.dir, stdin: r.stdin, args: words(r.do)}); got.code != 0 {
		b.t.Fatalf("%s %s: exit %d\n%s", other.name, r.do, got.code, got.stderr)
	}
	r.agree(b, maker, other)
}

// agree: both read the same, and let the same keys in.
func (r row) agree(b *bed, maker, other tool) {
	b.same(maker, other, "luksDump", "a.img")
	if r.opens != "" {
		b.unlocks(maker, other, 0, words(r.opens)[0], words(r.opens)[1:]...)
	}
	if r.shut != "" {
		one := b.run(maker, words("open --test-passphrase a.img --key-file "+r.shut)...)
		two := b.run(other, words("open --test-passphrase a.img --key-file "+r.shut)...)
		if one.code == 0 || one.code != two.code {
			b.t.Errorf("key %s: %s exits %d, %s %d", r.shut, maker.name, one.code, other.name, two.code)
		}
	}
	for command := range strings.SplitSeq(r.after, ";") {
		switch {
		case strings.Contains(command, "json"):
			b.sameJSON(maker, other, words(command)...)
		case command != "":
			b.same(maker, other, words(command)...)
		}
	}
}

// inTheGuest are the actions that TestEveryMappingActionInBothDirections of test/vm covers.
var inTheGuest = []string{"close", "resize", "status", "luksSuspend", "luksResume"}

// ofBitLocker are the actions that TestBitLockerVolumesOfTheTestsAreThoseThatCryptsetupReads covers.
var ofBitLocker = []string{"bitlkDump"}

// ofFileVault are the actions that TestFileVaultVolumesOfTheTestsAreThoseThatCryptsetupReads covers.
var ofFileVault = []string{"fvault2Dump"}

// ofTrueCrypt are the actions that the tests of TrueCrypt and VeraCrypt volumes in test/vm cover: cryptsetup decrypts
// headers through the kernel.
var ofTrueCrypt = []string{"tcryptDump"}

// print shows the table and fails for an action that nothing covers: neither a row here, nor another test, nor a
// refusal.
func (c *covered) print(t *testing.T) {
	var table strings.Builder
	for _, action := range theirActions(t) {
		how := ""
		switch {
		case len(c.actions[action]) > 0:
			how = strings.Join(sortedKeys(c.actions[action]), ", ") + "\n      " + strings.Join(sortedKeys(c.options[action]), " ")
		case slices.Contains(inTheGuest, action):
			how = "in the virtual machine"
		case slices.Contains(ofBitLocker, action):
			how = "by tests of BitLocker volumes"
		case slices.Contains(ofFileVault, action):
			how = "by tests of FileVault 2 volumes"
		case slices.Contains(ofTrueCrypt, action):
			how = "by tests of TrueCrypt and VeraCrypt volumes in the virtual machine"
		case refusedByName(t, action):
			how = "refused by name"
		default:
			t.Errorf("action %s is not covered", action)
		}
		fmt.Fprintf(&table, "  %-18s %s\n", action, how)
	}
	fmt.Print("Actions, who carried them out on whose volume, and with which options:\n", table.String())
}

// theirActions are the actions in cryptsetup's own help.
func theirActions(t *testing.T) []string {
	t.Helper()
	help := bench.trixie.call(t, call{dir: t.TempDir(), args: []string{"--help"}}).stdout
	_, list, found := strings.Cut(help, "<action> is one of:\n")
	list, _, _ = strings.Cut(list, "\n\n")
	var names []string
	for _, m := range regexp.MustCompile(`(?m)^\t(\w+) `).FindAllStringSubmatch(list, -1) {
		names = append(names, m[1])
	}
	if !found || len(names) < 25 {
		t.Fatalf("only %d actions in the help of cryptsetup", len(names))
	}
	return names
}

func refusedByName(t *testing.T, action string) bool {
	t.Helper()
	got := bench.ours.call(t, call{dir: t.TempDir(), args: []string{action, "a.img"}})
	return got.code == 1 && strings.Contains(got.stderr, "is not supported; nothing was changed.")
}

func sortedKeys(set map[string]bool) []string {
	var list []string
	for key := range set {
		list = append(list, key)
	}
	slices.Sort(list)
	return list
}
