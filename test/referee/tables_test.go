// SPDX-License-Identifier: Apache-2.0

package referee

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	devmapper "github.com/anatol/devmapper.go"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// pair is one table in the words of each client.
type pair struct {
	ours     dm.Table
	theirs   []devmapper.Table
	readOnly bool
}

func volumeKey() []byte { return bytes.Repeat([]byte{0xa1, 0xb2, 0xc3, 0xd4}, 16) }

func rawKey(t *testing.T) target.Key {
	t.Helper()
	raw, err := secret.From(volumeKey())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return target.Key{Raw: raw}
}

func pairs(t *testing.T, device, hashes string) map[string]pair {
	root, salt := strings.Repeat("ab", 32), strings.Repeat("cd", 32)
	bin := func(text string) []byte { p, _ := hex.DecodeString(text); return p }
	const reference = "orthrus:referee"
	return map[string]pair{
		"linear, zero and error": {
			ours: dm.Table{
				&target.Linear{Length: 8, Device: device, Offset: 16},
				&target.Zero{Start: 8, Length: 8},
				&target.Error{Start: 16, Length: 8},
			},
			theirs: []devmapper.Table{
				devmapper.LinearTable{Length: 4096, BackendDevice: device, BackendOffset: 8192},
				devmapper.ZeroTable{Start: 4096, Length: 4096},
				devmapper.ErrorTable{Start: 8192, Length: 4096},
			},
		},
		"crypt with a raw key": {
			ours:   dm.Table{&target.Crypt{Length: 2048, Cipher: "aes-xts-plain64", Key: rawKey(t), Device: device, Offset: 8, IVOffset: 3}},
			theirs: []devmapper.Table{devmapper.CryptTable{Length: mib, Encryption: "aes-xts-plain64", Key: volumeKey(), BackendDevice: device, BackendOffset: 4096, IVTweak: 3}},
		},
		"crypt with options": {
			ours: dm.Table{&target.Crypt{
				Length: 2048, Cipher: "aes-xts-plain64", Key: rawKey(t), Device: device, SectorSize: 4096,
				Flags: target.AllowDiscards | target.SameCPUCrypt | target.SubmitFromCryptCPUs | target.NoReadWorkqueue | target.NoWriteWorkqueue,
			}},
			theirs: []devmapper.Table{devmapper.CryptTable{
				Length: mib, Encryption: "aes-xts-plain64", Key: volumeKey(), BackendDevice: device, SectorSize: 4096,
				Flags: []string{
					devmapper.CryptFlagAllowDiscards, devmapper.CryptFlagSameCPUCrypt, devmapper.CryptFlagSubmitFromCryptCPUs,
					devmapper.CryptFlagNoReadWorkqueue, devmapper.CryptFlagNoWriteWorkqueue,
				},
			}},
		},
		"crypt with a key of the keyring": {
			ours: dm.Table{&target.Crypt{
				Length: 2048, Cipher: "aes-xts-plain64", Device: device,
				Key: target.Key{Ring: &target.RingKey{Size: 64, Type: "logon", Description: reference}},
			}},
			theirs: []devmapper.Table{devmapper.CryptTable{Length: mib, Encryption: "aes-xts-plain64", KeyID: ":64:logon:" + reference, BackendDevice: device}},
		},
		"integrity": {
			ours:   dm.Table{&target.Integrity{Length: 8, Device: device, TagSize: 32, Mode: 'J', JournalSectors: 88}},
			theirs: []devmapper.Table{devmapper.IntegrityTable{Length: 4096, Device: device, TagSize: 32, Mode: "J", Features: []string{"journal_sectors:88"}}},
		},
		"verity": {
			readOnly: true,
			ours: dm.Table{&target.Verity{
				Length: 2048, Version: 1, DataDevice: device, HashDevice: hashes, DataBlockSize: 4096, HashBlockSize: 4096,
				DataBlocks: 256, HashStartBlock: 1, Algorithm: "sha256", RootHash: bin(root), Salt: bin(salt),
			}},
			theirs: []devmapper.Table{devmapper.VerityTable{
				Length: mib, HashType: 1, DataDevice: device, HashDevice: hashes, DataBlockSize: 4096, HashBlockSize: 4096,
				NumDataBlocks: 256, HashStartBlock: 1, Algorithm: "sha256", Digest: root, Salt: salt,
			}},
		},
	}
}

// facts are what both clients tell about a device.
type facts struct {
	name, uuid string
	dev        uint64
	open       int
	lines      int
	readOnly   bool
	suspended  bool
	active     bool
}

func ourFacts(t *testing.T, c *dm.Control, name string) facts {
	t.Helper()
	i, err := c.Status(name)
	if err != nil {
		t.Fatal(err)
	}
	return facts{i.Name, i.UUID, i.Dev(), i.OpenCount, i.Targets, i.ReadOnly, i.Suspended, i.ActiveTable}
}

func theirFacts(t *testing.T, name string) facts {
	t.Helper()
	i, err := devmapper.InfoByName(name)
	if err != nil {
		t.Fatal(err)
	}
	flag := func(f uint32) bool { return i.Flags&f != 0 }
	return facts{
		i.Name, i.UUID, i.DevNo, int(i.OpenCount), int(i.TargetsNum),
		flag(unix.DM_READONLY_FLAG), flag(unix.DM_SUSPEND_FLAG), flag(unix.DM_ACTIVE_PRESENT_FLAG),
	}
}

// agree compares everything both clients can tell about a device, and returns its table.
func agree(t *testing.T, c *dm.Control, name string) string {
	t.Helper()
	if ours, theirs := ourFacts(t, c, name), theirFacts(t, name); ours != theirs {
		t.Errorf("we read %+v, the referee %+v", ours, theirs)
	}
	table := kernelTable(t, c, name)
	out, err := exec.Command("dmsetup", "table", "--showkeys", name).CombinedOutput()
	if err != nil {
		t.Errorf("dmsetup: %v\n%s", err, out)
	}
	if third := parsed(t, string(out)); third != table {
		t.Errorf("dmsetup reads\n%s\nwe read\n%s", third, table)
	}
	return table
}

// parsed puts the options of a table into our order.
func parsed(t *testing.T, text string) string {
	t.Helper()
	var lines []string
	for line := range strings.Lines(text) {
		parsed, err := target.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		rendered, err := target.Text(parsed)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(rendered.Bytes()))
		_ = errors.Join(rendered.Close(), parsed.Close())
	}
	return strings.Join(lines, "\n")
}

func TestTheKernelHoldsTheSameTableFromBoth(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		runtime.LockOSThread() // for the thread keyring
		defer runtime.UnlockOSThread()
		c := mapper(t)
		names := []string{}
		for name := range pairs(t, "", "") {
			names = append(names, name)
		}
		for _, name := range names {
			t.Run(name, func(t *testing.T) { sameTable(t, c, name) })
		}
	})
}

func sameTable(t *testing.T, c *dm.Control, name string) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	id, err := keyring.Add(keyring.TypeLogon, "orthrus:referee", volumeKey(), keyring.Thread)
	if err != nil {
		t.Fatal(err)
	}
	defer keyring.Unlink(id, keyring.Thread)
	p := pairs(t, backing(t, 4*mib), backing(t, 4*mib))[name]
	device, uuid := freshName(), "CRYPT-REFEREE-"+freshName()
	removed(t, c, device)

	if _, err := c.Activate(t.Context(), dm.Plan{Name: device, UUID: uuid, Table: p.ours, ReadOnly: p.readOnly}); err != nil {
		t.Fatal(err)
	}
	ours, ourState := agree(t, c, device), ourFacts(t, c, device)
	if err := devmapper.Remove(device); err != nil {
		t.Fatalf("the referee removes ours: %v", err)
	}
	var flags uint32
	if p.readOnly {
		flags = devmapper.ReadOnlyFlag
	}
	if err := devmapper.CreateAndLoad(device, uuid, flags, p.theirs...); err != nil {
		t.Fatal(err)
	}
	theirs, theirState := agree(t, c, device), ourFacts(t, c, device)
	ourState.dev, theirState.dev = 0, 0
	if ours != theirs || ourState != theirState {
		t.Errorf("we loaded %+v\n%s\nthe referee loaded %+v\n%s", ourState, ours, theirState, theirs)
	}
	if _, err := c.Remove(t.Context(), device, dm.RemoveOptions{}); err != nil {
		t.Errorf("we remove theirs: %v", err)
	}
}

func TestListsVersionsAndStatesAgree(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		major, minor, patch, err := devmapper.GetVersion()
		if err != nil || c.Version() != (dm.Version{Major: major, Minor: minor, Patch: patch}) {
			t.Errorf("version %v, the referee %d.%d.%d, %v", c.Version(), major, minor, patch, err)
		}
		for i := range 40 {
			name := freshName() + strings.Repeat("x", 100)
			if _, err := c.Create(name, ""); err != nil {
				t.Fatal(err)
			}
			removed(t, c, name)
			if i%2 == 0 {
				if err := devmapper.Load(name, 0, devmapper.ZeroTable{Length: mib}); err != nil {
					t.Fatal(err)
				}
			}
			if ours, theirs := ourFacts(t, c, name), theirFacts(t, name); ours != theirs {
				t.Errorf("we read %+v, the referee %+v", ours, theirs)
			}
		}
		sameLists(t, c)
	})
}

func sameLists(t *testing.T, c *dm.Control) {
	t.Helper()
	ours, err := c.Devices()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := devmapper.List()
	if err != nil || len(theirs) != len(ours) || len(ours) < 40 {
		t.Fatalf("%d devices, the referee lists %d, %v", len(ours), len(theirs), err)
	}
	for i, d := range ours {
		if d.Name != theirs[i].Name || unix.Mkdev(d.Major, d.Minor) != theirs[i].DevNo {
			t.Errorf("%+v, the referee lists %+v", d, theirs[i])
		}
	}
}

func TestFailuresHaveTheSameErrno(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		name := freshName()
		info, err := c.Activate(t.Context(), dm.Plan{Name: name, Table: dm.Table{&target.Zero{Length: 2048}}})
		if err != nil {
			t.Fatal(err)
		}
		removed(t, c, name)
		node, err := unix.Open("/dev/mapper/"+info.Name, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(node)
		_, notThere := c.Status("nobody")
		_, _, noTable := c.Table("nobody", dm.Active)
		_, taken := c.Create(name, "")
		_, inUse := c.Remove(t.Context(), name, dm.RemoveOptions{})
		_, refused := c.Load(name, dm.Table{&target.Linear{Length: 8, Device: "nonsense"}}, dm.LoadOptions{})
		_, theirNotThere := devmapper.InfoByName("nobody")
		for _, test := range []struct {
			what         string
			ours, theirs error
			errno        unix.Errno
		}{
			{"status of nobody", notThere, theirNotThere, unix.ENXIO},
			{"table of nobody", noTable, devmapper.Suspend("nobody"), unix.ENXIO},
			{"name taken", taken, devmapper.Create(name, ""), unix.EBUSY},
			{"device in use", inUse, devmapper.Remove(name), unix.EBUSY},
		} {
			if !errors.Is(test.ours, test.errno) || !errors.Is(test.theirs, test.errno) {
				t.Errorf("%s: %v, the referee %v; want %v", test.what, test.ours, test.theirs, test.errno)
			}
		}
		theirRefused := devmapper.Load(name, 0, devmapper.LinearTable{Length: 4096, BackendDevice: "nonsense"})
		var a, b unix.Errno
		if !errors.As(refused, &a) || !errors.As(theirRefused, &b) || a != b {
			t.Errorf("refused table: %v, the referee %v", refused, theirRefused)
		}
	})
}
