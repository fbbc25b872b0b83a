// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"bytes"
	"cmp"
	"crypto/aes"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"github.com/orthrus-luks/orthrus/test/monkey/programs"
	"github.com/orthrus-luks/orthrus/test/monkey/witness"
	"golang.org/x/crypto/xts"
)

const (
	image  = "v.img"
	header = "h.img"
)

// World is one volume, and everything that is known of it.
type World struct {
	dir  string
	geo  Geometry
	set  programs.Set
	lane [2]*programs.Lane

	keys      witness.Keyring
	volume    witness.Volume // as last read
	state     State
	volumeKey string
	gone      map[string]string // passphrases that were taken away, and by whose program
	former    map[int]Slot      // what keyslots were before damage
	backups   []backup
	patches   []patch
	places    map[int64]int64 // where far headers have been: body, length
	nextKey   int
	files     int // a number for the next file

	hurt    bool // a keyslot area was damaged
	scarred bool // something was, and need not be mended
	cut     bool // something was killed, and need not be concluded
	lag     bool // the far header need not be in step
	// unsure are the sizes of the metadata area, one of which it has again once what was killed is concluded; nil
	// where that is not known.
	unsure [][2]int64

	script []string
}

// patch is a piece of the data as it lies on the device.
type patch struct {
	at    int64
	bytes []byte
}

// fault is what the judge finds wrong; its text is the kind.
type fault string

const errNoHead = fault("no valid head")

func (f fault) Error() string { return string(f) }

func newWorld(dir string, set programs.Set, lanes [2]*programs.Lane) *World {
	return &World{dir: dir, set: set, lane: lanes, gone: map[string]string{}, former: map[int]Slot{}, places: map[int64]int64{}}
}

func (w *World) headerFile() string {
	if w.geo.Detached {
		return header
	}
	return image
}

func (w *World) path(name string) string { return filepath.Join(w.dir, name) }

func (w *World) say(format string, args ...any) {
	w.script = append(w.script, fmt.Sprintf(format, args...))
}

// newKey makes a key file, which holds its own name.
func (w *World) newKey() string {
	name := fmt.Sprintf("k%d", w.nextKey)
	w.nextKey++
	w.keys.Add(name)
	_ = os.WriteFile(w.path(name), []byte(name), 0o600)
	return name
}

func (w *World) goneNames(s State) []string {
	var list []string
	for _, name := range sortedKeys(w.gone) {
		if !s.has(name) {
			list = append(list, name)
		}
	}
	return list
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }

func (w *World) size() int64 {
	info, err := os.Stat(w.path(image))
	if err != nil {
		return 0
	}
	return info.Size()
}

func (w *World) truncate(size int64) {
	w.say("truncate -s %d %s", size, image)
	if err := os.Truncate(w.path(image), size); err != nil {
		w.say("# %v", err)
	}
}

// format is the action that makes a volume of a shape.
func (w *World) format(g Geometry, ours bool) Action {
	name := w.newKey()
	args := append([]string{"luksFormat", "-q"}, g.formatArgs(ours)...)
	args = append(append(args, costs...), "--key-file", name)
	if g.Detached {
		args = append(args, "--header", header)
	}
	return Action{
		Args: append(args, image), Many: true, Ends: true, Victims: w.state.names(),
		Apply: func(State) []State {
			next := State{Slots: map[int]Slot{0: {Name: name, Priority: 1}}, Version: g.Version}
			return one(next.leave("uuid", "label", "subsystem", "flags", "metadata size", "keyslots size", "data offset", "data size",
				"cipher", "sector size", "digest", "tokens", "far header"))
		},
		Done: func(w *World) error {
			// A backup of the volume that was there is one of other data.
			w.geo, w.volumeKey, w.backups = g, w.state.Slots[0].Key, nil
			return w.fill()
		},
	}
}

// used is how far the data reach that are known.
func (w *World) used() int64 {
	end := int64(0)
	for _, p := range w.patches {
		end = max(end, p.at+int64(len(p.bytes))-w.dataStart())
	}
	return end
}

// dataStart is where the data begin on the data's device.
func (w *World) dataStart() int64 {
	if w.geo.Detached && w.state.Version == 1 && w.state.Offset == 0 {
		return 0
	}
	return w.state.Offset
}

// fill writes data into a new volume: pieces at its start, in the middle and, unless a file system ends before, at
// the very end.
func (w *World) fill() error {
	start := w.dataStart()
	end := w.size()
	if w.state.Size > 0 {
		end = start + w.state.Size
	}
	if w.patches = nil; end-start < 64*kib {
		return nil
	}
	end &^= 4095
	middle := (start + (end-start)/2) &^ 4095
	places := []int64{start, start + 32*kib, middle - 4096}
	if !w.geo.Inner {
		places = append(places, end-4096)
	}
	r := rand.New(rand.NewPCG(uint64(start), 1))
	for _, at := range places {
		p := patch{at, make([]byte, 4096)}
		for i := range p.bytes {
			p.bytes[i] = byte(r.Uint32())
		}
		w.patches = append(w.patches, p)
	}
	if w.geo.Inner {
		if err := w.superblock(w.patches[0].bytes, (middle-start)/kib); err != nil {
			return err
		}
	}
	f, err := os.OpenFile(w.path(image), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	for _, p := range w.patches {
		if _, err := f.WriteAt(p.bytes, p.at); err != nil {
			return err
		}
		w.say("# data: 4096 bytes at %d of %s", p.at, image)
	}
	return nil
}

// superblock makes the ciphertext of the start of an ext2 of so many blocks of 1 KiB.
func (w *World) superblock(b []byte, blocks int64) error {
	clear(b)
	binary.LittleEndian.PutUint32(b[1024:], 16) // inodes
	binary.LittleEndian.PutUint32(b[1028:], uint32(blocks))
	binary.LittleEndian.PutUint16(b[1080:], 0xef53)
	c, err := xts.NewCipher(aes.NewCipher, []byte(w.volumeKey))
	if err != nil {
		return err
	}
	unit := max(int(w.state.Sector), 512)
	for n := 0; n < len(b); n += unit {
		c.Encrypt(b[n:n+unit], b[n:n+unit], uint64(n/512))
	}
	w.say("# the data are the start of an ext2 of %d blocks of 1 KiB", blocks)
	return nil
}

// dataIntact compares the pieces.
func (w *World) dataIntact() error {
	if len(w.patches) == 0 {
		return nil
	}
	f, err := os.Open(w.path(image))
	if err != nil {
		return err
	}
	defer f.Close()
	b := make([]byte, 4096)
	for _, p := range w.patches {
		if _, err := f.ReadAt(b, p.at); err != nil || !bytes.Equal(b, p.bytes) {
			return errors.Join(fault("data changed"), fmt.Errorf("at %d: %w", p.at, err))
		}
	}
	return nil
}

// read reads everything again.
func (w *World) read() error {
	v, err := witness.Read(w.path(w.headerFile()), &w.keys)
	if err != nil {
		return err
	}
	w.volume = v
	c, err := v.Chosen()
	if err != nil {
		return errNoHead
	}
	w.state = w.named(c)
	if t := v.FarToken; t != nil && t.Body > 0 {
		w.places[t.Body] = t.Length
	}
	if w.volumeKey == "" {
		for _, slot := range w.state.Slots {
			w.volumeKey = slot.Key
		}
	}
	return nil
}

// named is a copy's state, with what its dead keyslots were.
func (w *World) named(c *witness.View) State {
	s := stateOf(c)
	for id, slot := range s.Slots {
		if slot.Name == "" {
			slot.Was = w.former[id].Name
			s.Slots[id] = slot
		}
	}
	return s
}

// stamp tells whether a file was written to.
func (w *World) stamp() string {
	text := ""
	for _, name := range []string{image, header} {
		var s syscall.Stat_t
		if syscall.Stat(w.path(name), &s) == nil {
			text += fmt.Sprintf("%d.%09d ", s.Mtim.Sec, s.Mtim.Nsec)
		}
	}
	return text
}

// run carries out a command line of a program and notes it.
func (w *World) run(p *programs.Program, args []string) (programs.Result, error) {
	r, err := w.lane[0].Run(p, w.dir, args...)
	w.say("%s %s # %s", p.Name, strings.Join(args, " "), outcome(r))
	return r, err
}

func outcome(r programs.Result) string {
	text := fmt.Sprintf("exit %d", r.Code)
	if line, _, _ := strings.Cut(strings.TrimSpace(r.Stderr), "\n"); line != "" {
		text += ": " + line
	}
	return text
}
