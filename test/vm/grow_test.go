// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// fileWriter writes files into a folder, each synced, for as long as it is not stopped, and knows their
// sums.
type fileWriter struct {
	dir  string
	mu   sync.Mutex
	sums map[string][sha256.Size]byte
	err  error
	stop chan struct{}
	done chan struct{}
}

func startWriter(dir string) *fileWriter {
	w := &fileWriter{dir: dir, sums: map[string][sha256.Size]byte{}, stop: make(chan struct{}), done: make(chan struct{})}
	go w.work()
	return w
}

func (w *fileWriter) work() {
	defer close(w.done)
	for n := 0; w.err == nil; n++ {
		select {
		case <-w.stop:
			return
		default:
			w.err = w.write(fmt.Sprintf("file-%d", n%150))
		}
	}
}

func (w *fileWriter) write(name string) error {
	p := make([]byte, 1024+rand.IntN(64<<10))
	for i := range p {
		p[i] = byte(rand.Uint32())
	}
	f, err := os.Create(filepath.Join(w.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	w.mu.Lock()
	delete(w.sums, name)
	w.mu.Unlock()
	if _, err := f.Write(p); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.sums[name] = sha256.Sum256(p)
	return nil
}

// end stops the writer and fails where it did.
func (w *fileWriter) end(t *testing.T) {
	t.Helper()
	close(w.stop)
	<-w.done
	if w.err != nil {
		t.Fatal(w.err)
	}
}

// verify compares every file that was synced.
func (w *fileWriter) verify(t *testing.T, dir string) {
	t.Helper()
	for name, sum := range w.sums {
		p, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || sha256.Sum256(p) != sum {
			t.Errorf("%s is not what was written (%v)", name, err)
		}
	}
	t.Logf("%d files are as they were written", len(w.sums))
}

// ext4On makes a file system on a mapping and mounts it.
func (c cli) ext4On(name string) string {
	c.t.Helper()
	c.run("mkfs.ext4", "-q", "-b", "4096", "/dev/mapper/"+name)
	return c.mount(name)
}

func (c cli) mount(name string, options ...string) string {
	c.t.Helper()
	dir := c.t.TempDir()
	c.run("mount", append(options, "/dev/mapper/"+name, dir)...)
	c.t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	return dir
}

// TestMountedVolumeFollowsThreeGrowthsAndOutlivesBothHeads grows the disk below a mounted ext4 that is
// being written to, and then takes both heads away.
func TestMountedVolumeFollowsThreeGrowthsAndOutlivesBothHeads(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		const mib = 1 << 20
		disk := machine.Plug(t, machine.Disk{Name: "grower", Size: 48 * mib})
		defer machine.Unplug(t, "grower")
		format := append([]string{"luksFormat", "-q", "--key-file", c.key, "--luks2-keyslots-size", "1m"}, cheapKeyslot...)
		c.run("orthrus", append(format, disk)...)
		c.run("orthrus", "open", "--key-file", c.key, disk, "grown")
		t.Cleanup(func() { _ = exec.Command("orthrus", "close", "grown").Run() })
		dir := c.ext4On("grown")
		w := startWriter(dir)
		for i, size := range []int64{56 * mib, 73*mib + 7*512, 90 * mib} {
			machine.Resize(t, "grower", size)
			before := c.table("grown")
			c.run("orthrus", "grow", "-v", "--key-file", c.key, []string{"grown", disk, "/dev/mapper/grown"}[i])
			if after := c.table("grown"); after == before {
				t.Errorf("growth %d: the mapping stayed %s", i+1, after)
			}
			if out := c.run("orthrus", "far", "status", disk); !strings.Contains(out, "in step") {
				t.Errorf("growth %d: %s", i+1, out)
			}
			c.run("resize2fs", "/dev/mapper/grown")
		}
		w.end(t)
		w.verify(t, dir)
		c.run("umount", dir)
		c.run("orthrus", "close", "grown")
		c.run("dd", "if=/dev/zero", "of="+disk, "bs=16k", "count=2", "conv=fsync")
		c.exits(1, "orthrus", "open", "--key-file", c.key, disk, "grown")
		c.run("orthrus", "repair", "-q", "--from-far", disk)
		c.run("orthrus", "open", "--key-file", c.key, disk, "grown")
		c.run("e2fsck", "-fn", "/dev/mapper/grown")
		again := c.mount("grown")
		w.verify(t, again)
		c.run("umount", again)
		c.run("orthrus", "close", "grown")
	})
}
