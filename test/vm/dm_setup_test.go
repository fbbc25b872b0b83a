// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

const mib = 1 << 20

// mapper returns a control device, closed with the test. A warning fails the test.
func mapper(t *testing.T) *dm.Control {
	t.Helper()
	c, err := dm.Open()
	if err != nil {
		t.Fatal(err)
	}
	c.Warn = func(err error) { t.Errorf("warning: %v", err) }
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	})
	return c
}

var nameCount atomic.Uint32

// freshName is a device name no other test has.
func freshName() string { return fmt.Sprintf("dmtest%d", nameCount.Add(1)) }

// backing returns "major:minor" and the path of a loop device of size bytes.
func backing(t *testing.T, size int64) (number, path string) {
	t.Helper()
	machine.LoadModule(t, "loop")
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
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
	return fmt.Sprintf("%d:%d", device.Major(), device.Minor()), loop.Path
}

// activate makes a device that is removed with the test, and returns its node.
func activate(t *testing.T, c *dm.Control, p dm.Plan) (dm.Info, string) {
	t.Helper()
	info, err := c.Activate(t.Context(), p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeAtEnd(t, c, info) })
	node, err := dm.Path(p.Name)
	if err != nil {
		t.Fatal(err)
	}
	return info, node
}

// removeAtEnd removes a device under whatever name it has by now, if it is still there.
func removeAtEnd(t *testing.T, c *dm.Control, info dm.Info) {
	now, err := c.StatusNumber(info.Major, info.Minor)
	if err != nil {
		return
	}
	// A device that was left suspended could not be removed while something waits for it.
	_, _ = c.Resume(context.Background(), now.Name, dm.ResumeOptions{})
	if _, err := c.Remove(context.Background(), now.Name, dm.RemoveOptions{Retry: pace.Limit(5 * time.Second)}); err != nil {
		t.Error(err)
	}
}

// zeros is a table that reads as zeros.
func zeros(size uint64) dm.Table { return dm.Table{&target.Zero{Length: size / 512}} }

// aesCrypt is a crypt line over a whole device with a key of 64 bytes of value fill.
func aesCrypt(t *testing.T, number string, size uint64, fill byte) *target.Crypt {
	t.Helper()
	raw, err := secret.From(bytes.Repeat([]byte{fill, fill + 1}, 32))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return &target.Crypt{
		Length: size / 512, Cipher: "aes-xts-plain64", Device: number, Key: target.Key{Raw: raw},
	}
}

// tableText renders a table, key included, for comparison.
func tableText(t *testing.T, table dm.Table) string {
	t.Helper()
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

// dmsetup runs the real one and returns its output without the blanks dmsetup adds to the last word.
func dmsetup(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command("dmsetup", args...).CombinedOutput()
	if err != nil {
		t.Fatalf("dmsetup %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	var lines []string
	for line := range strings.Lines(string(out)) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n")
}

// deviceNames lists the mapped devices.
func deviceNames(t *testing.T, c *dm.Control) string {
	t.Helper()
	devices, err := c.Devices()
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(devices)
}

func writeAt(t *testing.T, path string, data []byte) {
	t.Helper()
	device, err := block.Open(path, block.ReadWrite)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := device.WriteAt(data, 0); err != nil {
		t.Error(err)
	}
	if err := device.Sync(); err != nil {
		t.Error(err)
	}
	if err := device.Close(); err != nil {
		t.Error(err)
	}
}

func readAt(t *testing.T, path string, n int) []byte {
	t.Helper()
	device, err := block.Open(path, block.Direct)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	data := make([]byte, n)
	if _, err := device.ReadAt(data, 0); err != nil {
		t.Error(err)
	}
	return data
}
