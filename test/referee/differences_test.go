// SPDX-License-Identifier: Apache-2.0

package referee

import (
	"errors"
	"os"
	"strings"
	"testing"

	devmapper "github.com/anatol/devmapper.go"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// The tests here state how the referee differs. When one fails after an update of the referee, the
// difference is gone and its entry in doc.go with it.

func TestDifferenceLongNamesAreCutByTheReferee(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		long := strings.Repeat("n", 128)
		if err := devmapper.Create(long, ""); err != nil {
			t.Fatal(err)
		}
		removed(t, c, long[:127])
		if _, err := c.Status(long[:127]); err != nil {
			t.Errorf("the cut name: %v", err)
		}
		// Asked to remove the long one, it removes the other.
		if err := devmapper.Remove(long + "and another"); err != nil {
			t.Errorf("%v", err)
		}
		if _, err := c.Create(long, ""); !errors.Is(err, dm.ErrName) {
			t.Errorf("ours: %v, want ErrName", err)
		}
	})
}

func TestDifferenceBlanksReachTheKernelFromTheReferee(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		if err := devmapper.Create("my disk", ""); err != nil {
			t.Fatal(err)
		}
		defer devmapper.Remove("my disk")
		if _, err := c.Status("my disk"); !errors.Is(err, dm.ErrNotFound) {
			t.Errorf("ours looks for the encoded name: %v", err)
		}
		info, err := c.Create("my disk", "")
		if err != nil || info.Name != `my\x20disk` {
			t.Errorf("ours is %q, %v", info.Name, err)
		}
		removed(t, c, "my disk")
	})
}

func TestDifferenceLengthsAreBytesForTheReferee(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		name := freshName()
		removed(t, c, name)
		if err := devmapper.CreateAndLoad(name, "", 0, devmapper.ZeroTable{Length: 5000}); err != nil {
			t.Fatal(err)
		}
		if got := kernelTable(t, c, name); got != "0 9 zero" {
			t.Errorf("5000 bytes became %q", got)
		}
	})
}

func TestDifferenceEmptyKeyShiftsTheRefereesFields(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		device, name := backing(t, mib), freshName()
		err := devmapper.CreateAndLoad(name, "", 0, devmapper.CryptTable{Length: mib, Encryption: "cipher_null-ecb", BackendDevice: device})
		if !errors.Is(err, unix.EINVAL) {
			t.Errorf("the referee: %v, want EINVAL", err)
		}
		removed(t, c, name)
		plan := dm.Plan{Name: name, Table: dm.Table{&target.Crypt{Length: 2048, Cipher: "cipher_null-ecb", Device: device}}}
		if _, err := c.Activate(t.Context(), plan); err != nil {
			t.Errorf("ours: %v", err)
		}
	})
}

func TestDifferenceVerityOptionsAreNotCountedByTheReferee(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		p := pairs(t, backing(t, 4*mib), backing(t, 4*mib))["verity"]
		theirs := p.theirs[0].(devmapper.VerityTable)
		theirs.Params = []string{"ignore_zero_blocks"}
		name := freshName()
		if err := devmapper.CreateAndLoad(name, "", devmapper.ReadOnlyFlag, theirs); !errors.Is(err, unix.EINVAL) {
			t.Errorf("without a count: %v, want EINVAL", err)
		}
		theirs.Params = []string{"1", "ignore_zero_blocks"}
		removed(t, c, name)
		if err := devmapper.CreateAndLoad(name, "", devmapper.ReadOnlyFlag, theirs); err != nil {
			t.Fatal(err)
		}
		counted := kernelTable(t, c, name)
		if err := devmapper.Remove(name); err != nil {
			t.Fatal(err)
		}
		p.ours[0].(*target.Verity).Options = []string{"ignore_zero_blocks"}
		if _, err := c.Activate(t.Context(), dm.Plan{Name: name, Table: p.ours, ReadOnly: true}); err != nil {
			t.Fatal(err)
		}
		if ours := kernelTable(t, c, name); ours != counted {
			t.Errorf("ours %s\nwant %s", ours, counted)
		}
	})
}

func TestDifferenceNodesAreLeftToUdevByTheReferee(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		name := freshName()
		removed(t, c, name)
		if err := devmapper.CreateAndLoad(name, "", 0, devmapper.ZeroTable{Length: mib}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat("/dev/mapper/" + name); !os.IsNotExist(err) {
			t.Errorf("a node from the referee: %v", err)
		}
		if _, err := c.Resume(t.Context(), name, dm.ResumeOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Lstat("/dev/mapper/" + name); err != nil {
			t.Errorf("no node from us: %v", err)
		}
	})
}

func TestDifferenceTheRefereeLacksMessagesRenameAndSetUUID(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		name, other := freshName(), freshName()
		removed(t, c, name)
		removed(t, c, other)
		if _, err := c.Activate(t.Context(), dm.Plan{Name: name, Table: dm.Table{&target.Zero{Length: 8}}}); err != nil {
			t.Fatal(err)
		}
		for what, err := range map[string]error{
			"message":  devmapper.Message(name, 0, "@stats_list"),
			"rename":   devmapper.Rename(name, other),
			"set uuid": devmapper.SetUUID(name, "CRYPT-X"),
		} {
			if err == nil {
				t.Errorf("the referee implements %s by now", what)
			}
		}
		_, message := c.Message(name, 0, []byte("@stats_list"))
		_, uuid := c.SetUUID(name, "CRYPT-X")
		_, rename := c.Rename(t.Context(), name, other, 0)
		if err := errors.Join(message, uuid, rename); err != nil {
			t.Errorf("ours: %v", err)
		}
	})
}
