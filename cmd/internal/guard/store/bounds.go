// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"
	"syscall"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/dm/folder"
)

// The bounds of the store. A volume that is new when they are reached is not remembered: nothing that is
// kept goes for a stranger.
const (
	MaxVolumes     = 2048      // that something is remembered of
	MaxHeads       = 8         // of one volume; the oldest go first, the chain's tip never
	MaxVolumeBytes = 64 << 20  // of the heads of one volume
	MaxBytes       = 512 << 20 // of all heads
	// MaxPerDevice is for a device that changes its UUID again and again: what is kept of the volumes that
	// lay there before goes, the oldest first.
	MaxPerDevice = 4
)

// ErrFull is the kind of refusal to remember more.
var ErrFull = errors.New("the guard's store is full")

// small is the size of a head, bytes, up to which the number of volumes bounds all of them well enough.
const small = 64 << 10

// room makes sure that there is room for something new of a volume.
func (s Store) room(uuid string) error {
	if s.knows(uuid) {
		return nil
	}
	entries, err := folder.Names(filepath.Join(s.State, "guard"))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if len(entries) >= MaxVolumes {
		return fmt.Errorf("%w: %d volumes; guard forget makes room", ErrFull, len(entries))
	}
	return nil
}

func (s Store) knows(uuid string) bool {
	_, err := os.Lstat(volume(s.State, uuid))
	return err == nil
}

// roomFor makes sure that there is room for so many bytes.
func (s Store) roomFor(size int) error {
	if size > MaxVolumeBytes {
		return fmt.Errorf("%w: a head of %d bytes, and %d are kept of a volume", ErrFull, size, MaxVolumeBytes)
	}
	if size <= small {
		return nil
	}
	if n := s.bytes(); n+int64(size) > MaxBytes {
		return fmt.Errorf("%w: %d bytes; guard forget makes room", ErrFull, n)
	}
	return nil
}

// seenOn notes that the volume lies on the device, and lets go of those that lay there before, as many as
// are too many. One that is listed keeps its place: not all that is remembered of it was seen there. See Lies.
func (s Store) seenOn(device, uuid string) error {
	path, list, err := s.layOn(device)
	name := undo.PlainName(uuid)
	if device == "" || err != nil || slices.Contains(list, name) {
		return err
	}
	list = append(list, name)
	var failed []error
	for len(list) > MaxPerDevice {
		if c, err := readChain(s.State, list[0]); err == nil && on(c, device) {
			failed = append(failed, s.forget(list[0]), s.removeAll(volume(s.State, list[0])))
		}
		list = list[1:]
	}
	return errors.Join(append(failed, putList(path, list))...)
}

// Lies notes that of the volumes that were seen on a device this one is there now.
func (s Store) Lies(device, uuid string) error {
	path, list, err := s.layOn(device)
	name := undo.PlainName(uuid)
	if err != nil || s.Rehearsed || !slices.Contains(list, name) || list[len(list)-1] == name {
		return err
	}
	return putList(path, append(slices.DeleteFunc(list, func(other string) bool { return other == name }), name))
}

func putList(path string, list []string) error {
	return put(path, []byte(strings.Join(list, "\n")+"\n"))
}

// layOn is the file that lists the volumes that lay on a device, and what it lists: the one seen last comes last.
func (s Store) layOn(device string) (path string, list []string, err error) {
	sum := sha256.Sum256([]byte(device))
	path = filepath.Join(s.State, "devices", hex.EncodeToString(sum[:16]))
	before, err := readFile(path, 4096)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return path, strings.Fields(string(before)), err
}

// LastOn is the volume that was seen last on a device of that lasting name, and nowhere else since; "" for none. One of
// which all that was kept was destroyed, for a key was revoked, is known by its history.
func (s Store) LastOn(device string) (uuid string) {
	_, list, _ := s.layOn(device)
	for _, one := range slices.Backward(list) {
		c := s.latest(func(root string) (identity.Chain, error) { return readChain(root, one) })
		tip, seen := c.Tip()
		if on(c, device) {
			return tip.UUID
		}
		if _, err := s.History(one); !seen && err == nil {
			return one
		}
	}
	return ""
}

// LinkTo is the path under which a volume was seen last in the file of that path, which may have several.
func (s Store) LinkTo(path string) string {
	info, err := os.Stat(path)
	if err != nil {
		return path
	}
	if stat, ok := info.Sys().(*syscall.Stat_t); !ok || stat.Nlink < 2 {
		return path
	}
	tips, _ := s.tips()
	for _, tip := range tips {
		if other, err := os.Stat(tip.Device); err == nil && os.SameFile(info, other) {
			return tip.Device
		}
	}
	return path
}

func on(c identity.Chain, device string) bool {
	tip, seen := c.Tip()
	return seen && tip.Device == device
}

// bytes is the size of all heads.
func (s Store) bytes() (n int64) {
	paths, _ := filepath.Glob(filepath.Join(s.State, "guard", "*", headPrefix+"*"))
	for _, path := range paths {
		if info, err := os.Lstat(path); err == nil {
			n += info.Size()
		}
	}
	return n
}

// trim holds the heads of one volume to their bounds; the one of that name stays.
func (s Store) trim(uuid, tip string) error {
	heads := s.headFiles(uuid)
	var all int64
	for _, h := range heads {
		all += h.Size()
	}
	var failed []error
	left := len(heads)
	for _, h := range heads {
		if left <= MaxHeads && all <= MaxVolumeBytes {
			break
		}
		if h.Name() == tip {
			continue
		}
		all -= h.Size()
		left--
		for _, root := range s.roots() {
			failed = append(failed, s.Shred(filepath.Join(volume(root, uuid), h.Name())))
		}
	}
	return errors.Join(failed...)
}

// headFiles lists the heads of a volume, the one written first first.
func (s Store) headFiles(uuid string) []fs.FileInfo {
	var list []fs.FileInfo
	for _, root := range s.roots() {
		paths, _ := filepath.Glob(filepath.Join(volume(root, uuid), headPrefix+"-*"))
		for _, path := range paths {
			if info, err := os.Lstat(path); err == nil {
				list = append(list, info)
			}
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].ModTime().Before(list[j].ModTime()) })
	return list
}
