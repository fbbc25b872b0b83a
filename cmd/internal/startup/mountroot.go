// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

const newRoot = "/newroot"

// MountError says why the root could not be mounted.
type MountError struct {
	Source string // the device
	Types  []string
	Err    error
}

func (e *MountError) Error() string {
	if len(e.Types) == 0 {
		return fmt.Sprintf("%s holds no file system that is known here: %v", e.Source, e.Err)
	}
	return fmt.Sprintf("mounting %s as %s: %v", e.Source, strings.Join(e.Types, " or "), e.Err)
}

func (e *MountError) Unwrap() error { return e.Err }

// ErrNoFileSystem is the kind of a MountError whose kernel has no such file
// system.
var ErrNoFileSystem = errors.New("the kernel has no such file system: its module is missing in the image")

// mountAt mounts the root, or another file system, at a directory that is made where it has to be.
func mountAt(point, device string, root Root) error {
	kinds := root.Types
	if len(kinds) == 0 {
		kind, err := kindOf(device)
		if err != nil {
			return &MountError{Source: device, Err: err}
		}
		kinds = []string{kind}
	}
	if err := os.MkdirAll(point, 0o755); err != nil {
		return err
	}
	bits, data := mountOptions(root.Options, root.ReadOnly)
	device = byName(device)
	var err error
	for _, kind := range kinds {
		if kind == "btrfs" {
			data = withMembers(data, device)
		}
		if err = unix.Mount(device, point, kind, bits, data); err == nil {
			return nil
		}
	}
	if errors.Is(err, unix.ENODEV) {
		err = fmt.Errorf("%w: %w", ErrNoFileSystem, err)
	}
	return &MountError{Source: device, Types: kinds, Err: err}
}

// byName is the node of a mapping under its name, which is what mount(8) gives the kernel, and what mountinfo then
// says, where there is one: /dev/mapper/vault for /dev/dm-0.
func byName(device string) string {
	name := block.ReadAttribute("/sys", "class/block/"+filepath.Base(device)+"/dm/name")
	named := "/dev/mapper/" + name
	var a, b unix.Stat_t
	if name == "" || unix.Stat(device, &a) != nil || unix.Stat(named, &b) != nil || a.Rdev != b.Rdev {
		return device
	}
	return named
}

// withMembers adds to the options of a btrfs the other mappings it has members
// on; nothing has told the kernel of them yet.
func withMembers(data, device string) string {
	of, err := fileSystemOn(device)
	if err != nil {
		return data
	}
	nodes, _ := filepath.Glob("/dev/mapper/*")
	for _, node := range nodes {
		if other, err := fileSystemOn(node); err == nil && node != device && other.Kind == of.Kind &&
			other.UUID == of.UUID {
			data = strings.TrimPrefix(data+",device="+node, ",")
		}
	}
	return data
}

// kindOf finds out which file system is on a device.
func kindOf(device string) (string, error) {
	found, err := fileSystemOn(device)
	return found.Kind, err
}

func fileSystemOn(device string) (signature.Signature, error) {
	f, err := os.Open(device)
	if err != nil {
		return signature.Signature{}, err
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return signature.Signature{}, err
	}
	found, err := signature.Detect(f, size)
	for _, s := range found {
		if s.Usage == signature.Filesystem && !s.Backup {
			return s, nil
		}
	}
	return signature.Signature{}, errors.Join(errors.New("no signature of a file system"), err)
}
