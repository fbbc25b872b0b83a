// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/signature"
	"golang.org/x/sys/unix"
)

// ErrNoFileSystem: nothing on the device that could be mounted.
var ErrNoFileSystem = errors.New("no file system")

// mounts are the file systems that keys and headers are read from: mounted read-only, each once, and
// taken away when nobody reads any more.
type mounts struct {
	directory string // where mount points are made

	mu     sync.Mutex
	active map[string]*mounted // by node
}

// mounted is one file system. Its own lock is held while it is mounted and taken away, which a dying
// stick can make last: that holds up nobody but those who want the same one.
type mounted struct {
	mu    sync.Mutex
	path  string // empty where it is not mounted
	users int
}

func newMounts(directory string) *mounts {
	return &mounts{directory: directory, active: map[string]*mounted{}}
}

func (m *mounts) at(node string) *mounted {
	m.mu.Lock()
	defer m.mu.Unlock()
	on := m.active[node]
	if on == nil {
		on = &mounted{}
		m.active[node] = on
	}
	return on
}

// use mounts the file system on node, of the given type or of the one its superblock tells, and
// returns where; the returned step lets go of it.
func (m *mounts) use(node, fs string) (path string, release func() error, err error) {
	on := m.at(node)
	on.mu.Lock()
	defer on.mu.Unlock()
	if on.path == "" {
		if on.path, err = m.mount(node, fs); err != nil {
			return "", nil, err
		}
	}
	on.users++
	return on.path, sync.OnceValue(on.release), nil
}

func (on *mounted) release() error {
	on.mu.Lock()
	defer on.mu.Unlock()
	if on.users--; on.users > 0 {
		return nil
	}
	path := on.path
	on.path = ""
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil {
		return fmt.Errorf("unmounting %s: %w", path, err)
	}
	return os.Remove(path)
}

func (m *mounts) mount(node, fs string) (at string, err error) {
	if fs == "" || fs == "auto" {
		if fs, err = fileSystemOn(node); err != nil {
			return "", err
		}
	}
	if err := os.MkdirAll(m.directory, 0o700); err != nil {
		return "", err
	}
	path, err := os.MkdirTemp(m.directory, "mount.")
	if err != nil {
		return "", err
	}
	for _, data := range readOnlyOptions(fs) {
		err = unix.Mount(node, path, fs, unix.MS_RDONLY|unix.MS_NODEV|unix.MS_NOSUID|unix.MS_NOEXEC|unix.MS_NOATIME,
			data)
		if err == nil {
			return path, nil
		}
	}
	return "", errors.Join(fmt.Errorf("mounting %s as %s: %w", node, fs, err), os.Remove(path))
}

// fileSystemOn finds out what to mount a device as.
func fileSystemOn(node string) (string, error) {
	dev, err := block.Open(node, 0)
	if err != nil {
		return "", err
	}
	defer dev.Close()
	found, _ := signature.Detect(dev, dev.Size()) // what cannot be read is not recognised
	for _, s := range found {
		if s.Usage == signature.Filesystem && !s.Damaged && !s.Backup {
			return kernelName(s.Kind), nil
		}
	}
	return "", fmt.Errorf("%s: %w", node, ErrNoFileSystem)
}

// kernelName is what the kernel calls a file system that blkid calls so.
func kernelName(kind string) string {
	if kind == "ntfs" {
		return "ntfs3"
	}
	return kind
}

// readOnlyOptions keep a file system from writing to its device when it was not unmounted cleanly:
// a read-only mount alone replays the journal. A kernel that does not know an option gets none.
func readOnlyOptions(fs string) []string {
	switch {
	case strings.HasPrefix(fs, "ext") && fs != "ext2":
		return []string{"noload", ""}
	case fs == "xfs":
		return []string{"norecovery", ""}
	case fs == "btrfs":
		return []string{"rescue=nologreplay", "nologreplay", ""}
	}
	return []string{""}
}

// within joins a path to the root of a mounted file system, from which it cannot lead away.
func within(root, path string) (*os.File, error) {
	r, err := os.OpenRoot(root)
	if err != nil {
		return nil, err
	}
	defer r.Close()
	return r.Open(strings.TrimPrefix(filepath.Clean("/"+path), "/"))
}

// inside is the path of a file on a mounted file system, for those that open by path. A link that
// leads away from there is refused.
func inside(root, path string) (string, error) {
	f, err := within(root, path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	return filepath.EvalSymlinks(fmt.Sprintf("/proc/self/fd/%d", f.Fd()))
}
