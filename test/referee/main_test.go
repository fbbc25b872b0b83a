// SPDX-License-Identifier: Apache-2.0

package referee

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

func TestMain(m *testing.M) {
	machine.Main(m, machine.Config{
		Modules:  []string{"dm-mod", "dm-crypt", "dm-integrity", "dm-verity", "dm-zero", "loop", "aesni-intel", "xts", "cbc", "essiv", "crypto_null"},
		Programs: []string{"dmsetup"},
	})
}

const mib = 1 << 20

var nameCount atomic.Uint32

func freshName() string { return fmt.Sprintf("referee%d", nameCount.Add(1)) }

func mapper(t *testing.T) *dm.Control {
	t.Helper()
	c, err := dm.Open()
	if err != nil {
		t.Fatal(err)
	}
	c.Warn = func(err error) { t.Errorf("warning: %v", err) }
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// backing returns "major:minor" of a loop device of size bytes.
func backing(t *testing.T, size int64) string {
	t.Helper()
	machine.LoadModule(t, "loop")
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, make([]byte, 4096), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(file, size); err != nil {
		t.Fatal(err)
	}
	loop, err := block.AttachLoop(file, block.LoopOptions{AutoClear: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = loop.Close() })
	device, err := block.Open(loop.Path, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	return fmt.Sprintf("%d:%d", device.Major(), device.Minor())
}

// removed takes a device away at the end of the test.
func removed(t *testing.T, c *dm.Control, name string) {
	t.Cleanup(func() {
		if _, err := c.Status(name); err == nil {
			if _, err := c.Remove(context.Background(), name, dm.RemoveOptions{}); err != nil {
				t.Error(err)
			}
		}
	})
}

// kernelTable renders what the kernel holds for a device.
func kernelTable(t *testing.T, c *dm.Control, name string) string {
	t.Helper()
	table, _, err := c.Table(name, dm.Active)
	if err != nil {
		t.Fatal(err)
	}
	defer table.Close()
	var lines []string
	for _, line := range table {
		text, err := target.Text(line)
		if err != nil {
			t.Fatal(err)
		}
		lines = append(lines, string(text.Bytes()))
		_ = text.Close()
	}
	return strings.Join(lines, "\n")
}
