// SPDX-License-Identifier: Apache-2.0

package referee

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"testing"
	"unsafe"

	devmapper "github.com/anatol/devmapper.go"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// probe finds the hexadecimal text of a key in this process's memory. It keeps the key masked, so
// that it does not find itself.
type probe struct {
	masked [64]byte
	page   []byte // what is being looked at; its own mapping, left out of the search
}

const mask = 0x5a

func newProbe(t *testing.T) *probe {
	t.Helper()
	p := &probe{}
	if _, err := rand.Read(p.masked[:]); err != nil {
		t.Fatal(err)
	}
	var err error
	if p.page, err = unix.Mmap(-1, 0, 1<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Munmap(p.page) })
	return p
}

// key returns the key itself in secret memory.
func (p *probe) key(t *testing.T) *secret.Buffer {
	t.Helper()
	b, err := secret.New(len(p.masked))
	if err != nil {
		t.Fatal(err)
	}
	for i, m := range p.masked {
		b.Bytes()[i] = m ^ mask
	}
	return b
}

func (p *probe) digit(i int) byte {
	b := p.masked[i/2] ^ mask
	return "0123456789abcdef"[b>>(4*(1-i%2))&15]
}

// matches compares text with the second half of the key's digits: any copy of that is one too many.
func (p *probe) matches(text []byte) bool {
	const from, n = 64, 64
	if len(text) < n {
		return false
	}
	for i := range n {
		if text[i] != p.digit(from+i) {
			return false
		}
	}
	return true
}

// copies counts the copies in all writable memory.
func (p *probe) copies(t *testing.T) int {
	t.Helper()
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Fatal(err)
	}
	memory, err := unix.Open("/proc/self/mem", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(memory)
	own := uint64(uintptr(unsafe.Pointer(&p.page[0])))
	found := 0
	for lines := bufio.NewScanner(bytes.NewReader(maps)); lines.Scan(); {
		var from, to uint64
		var rights string
		if _, err := fmt.Sscanf(lines.Text(), "%x-%x %s", &from, &to, &rights); err != nil {
			t.Fatal(err)
		}
		if strings.HasPrefix(rights, "rw") {
			found += p.search(memory, from, to, own)
		}
	}
	return found
}

// search looks through one mapping, in steps that overlap by more than a key.
func (p *probe) search(memory int, from, to, own uint64) int {
	found := 0
	ownEnd := own + uint64(len(p.page))
	for at := from; at < to; at += uint64(len(p.page)) - 256 {
		if at >= own && at < ownEnd {
			at = ownEnd
		}
		limit := to
		if at < own {
			limit = min(limit, own)
		}
		if at >= limit {
			continue
		}
		n, err := unix.Pread(memory, p.page[:min(uint64(len(p.page)), limit-at)], int64(at))
		if err != nil {
			continue // a guard page
		}
		for i := range n {
			if p.page[i] == p.digit(64) && p.matches(p.page[i:n]) {
				found++
			}
		}
	}
	return found
}

func TestDifferenceKeysStayInTheRefereesMemory(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		device := backing(t, mib)
		p := newProbe(t)
		ours(t, c, p, device)
		if n := p.copies(t); n != 0 {
			t.Errorf("%d copies of the key after our load, read, message", n)
		}
		theirs(t, c, p, device)
		if n := p.copies(t); n == 0 {
			t.Error("no copy of the key after the referee's load: either it wipes by now, or the search does not find")
		}
	})
}

// ours takes a key through everything that carries one.
func ours(t *testing.T, c *dm.Control, p *probe, device string) {
	t.Helper()
	name := freshName()
	removed(t, c, name)
	key := target.Key{Raw: p.key(t)}
	defer key.Close()
	line := &target.Crypt{Length: 2048, Cipher: "aes-xts-plain64", Key: key, Device: device}
	if _, err := c.Activate(t.Context(), dm.Plan{Name: name, Table: dm.Table{line}}); err != nil {
		t.Fatal(err)
	}
	table, _, err := c.Table(name, dm.Active)
	if err != nil {
		t.Fatal(err)
	}
	if !table[0].(*target.Crypt).Key.Raw.Equal(key.Raw.Bytes()) {
		t.Error("the key read back differs")
	}
	_ = table.Close()
	if _, err := c.Suspend(name, dm.SuspendOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Message(name, 0, []byte(target.KeyWipe)); err != nil {
		t.Fatal(err)
	}
	message, err := target.KeySet(key)
	if err != nil {
		t.Fatal(err)
	}
	defer message.Close()
	if _, err := c.Message(name, 0, message.Bytes()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Resume(t.Context(), name, dm.ResumeOptions{}); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Remove(t.Context(), name, dm.RemoveOptions{}); err != nil {
		t.Fatal(err)
	}
}

func theirs(t *testing.T, c *dm.Control, p *probe, device string) {
	t.Helper()
	name := freshName()
	removed(t, c, name)
	key := p.key(t)
	defer key.Close()
	table := devmapper.CryptTable{Length: mib, Encryption: "aes-xts-plain64", Key: key.Bytes(), BackendDevice: device}
	if err := devmapper.CreateAndLoad(name, "", 0, table); err != nil {
		t.Fatal(err)
	}
}
