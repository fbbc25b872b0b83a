// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// watcher tells by inotify that somebody who could write has closed a device node or an image file:
// where udevd does not run, nothing else says so. Images are watched through their directories.
type watcher struct {
	file   *os.File
	images func() []string

	mu    sync.Mutex
	nodes map[int32]string // watch -> device
	ids   map[string]bool  // devices that are watched
	dirs  map[int32]string // watch -> directory
}

// What is of interest: a closed node, and for a directory whatever makes an image appear or change.
const (
	nodeEvents      = unix.IN_CLOSE_WRITE | unix.IN_DELETE_SELF
	directoryEvents = unix.IN_CLOSE_WRITE | unix.IN_CREATE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM |
		unix.IN_DELETE | unix.IN_ONLYDIR
)

func newWatcher(images func() []string) (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_NONBLOCK | unix.IN_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	w := &watcher{
		file: os.NewFile(uintptr(fd), "inotify"), images: images,
		nodes: map[int32]string{}, ids: map[string]bool{}, dirs: map[int32]string{},
	}
	w.renew()
	return w, nil
}

func (w *watcher) Close() error { return w.file.Close() }

// renew watches the directories of the images that the configuration names.
func (w *watcher) renew() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, pattern := range w.images() {
		dirs, _ := filepath.Glob(filepath.Dir(pattern))
		for _, dir := range dirs {
			if wd, err := w.add(dir, directoryEvents); err == nil {
				w.dirs[wd] = dir
			}
		}
	}
}

// node watches a block device's node, once.
func (w *watcher) node(id string) {
	path, err := os.Readlink(sysBlock + id)
	if err != nil {
		return // an image, or gone
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ids[id] {
		return
	}
	if wd, err := w.add("/dev/"+nodeName(filepath.Base(path)), nodeEvents); err == nil {
		w.nodes[wd], w.ids[id] = id, true
	}
}

// nodeName undoes the kernel's '!' for '/'.
func nodeName(kernel string) string {
	return string(bytes.ReplaceAll([]byte(kernel), []byte("!"), []byte("/")))
}

func (w *watcher) add(path string, mask uint32) (wd int32, err error) {
	raw, err := w.file.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := raw.Control(func(fd uintptr) {
		var n int
		n, err = unix.InotifyAddWatch(int(fd), path, mask)
		wd = int32(n)
	})
	return wd, errors.Join(controlErr, err)
}

// run calls tell with the device or image that something happened to, until ctx ends.
func (w *watcher) run(ctx context.Context, tell func(id string)) {
	stop := context.AfterFunc(ctx, func() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	buffer := make([]byte, 64<<10)
	for {
		n, err := w.file.Read(buffer)
		if err != nil || ctx.Err() != nil {
			return
		}
		for _, id := range w.read(buffer[:n]) {
			tell(id)
		}
	}
}

// read understands struct inotify_event {wd, mask, cookie, len, name} (inotify(7)).
func (w *watcher) read(b []byte) (ids []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[string]bool{}
	for len(b) >= unix.SizeofInotifyEvent {
		wd := int32(binary.NativeEndian.Uint32(b))
		mask := binary.NativeEndian.Uint32(b[4:])
		length := int(binary.NativeEndian.Uint32(b[12:]))
		if length > len(b)-unix.SizeofInotifyEvent {
			break
		}
		name := b[unix.SizeofInotifyEvent : unix.SizeofInotifyEvent+length]
		b = b[unix.SizeofInotifyEvent+length:]
		id := w.meaning(wd, mask, string(bytes.TrimRight(name, "\x00")))
		if id != "" && !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	return ids
}

// meaning is the device that an event is about, or rescan where events were lost.
func (w *watcher) meaning(wd int32, mask uint32, name string) string {
	if mask&unix.IN_Q_OVERFLOW != 0 {
		return rescan
	}
	if id, isNode := w.nodes[wd]; isNode {
		if mask&(unix.IN_IGNORED|unix.IN_DELETE_SELF) != 0 {
			delete(w.nodes, wd)
			delete(w.ids, id)
		}
		return id
	}
	path := filepath.Join(w.dirs[wd], name)
	for _, pattern := range w.images() {
		if match, _ := filepath.Match(pattern, path); match && name != "" {
			return path
		}
	}
	return ""
}
