// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/dm/folder"
	"github.com/orthrus-luks/orthrus/dm/given"
)

// maxRecord bounds what is read of one file of sysfs or of udev's database.
const maxRecord = 1 << 20

// Coldplug yields the devices that are there, as events with Action Add: properties from sysfs,
// followed by those of udev's database where it has the device. Order is by subsystem, then by name.
// Matches select as they do in Options; a match without a subsystem walks all of them.
//
// A device that goes away meanwhile is left out. An error about one device is yielded with an empty
// event, and the walk goes on. The end of the context ends the walk, with context.Cause(ctx).
func (s System) Coldplug(ctx context.Context, matches ...Match) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		if err := given.Context(ctx); err != nil {
			yield(Event{}, err)
			return
		}
		for link, err := range s.links(matches) {
			if ctx.Err() != nil {
				yield(Event{}, context.Cause(ctx))
				return
			}
			if err == nil {
				var e Event
				e, err = s.device(link)
				if err == nil && selects(matches, []byte(e.Properties.text)) && !yield(e, nil) {
					return
				}
			}
			if err != nil && !errors.Is(err, ErrNoDevice) && !yield(Event{}, err) {
				return
			}
		}
	}
}

// Device reads one device, given as the DevPath of an event or any other path below /sys that leads
// to it: "/class/block/vda", "/dev/block/254:0". Errors are *Error, of kind ErrNoDevice where there is
// none, or *ParseError.
func (s System) Device(path string) (Event, error) { return s.device(s.path("sys", path)) }

// links yields the paths of all devices of the subsystems that the matches ask for.
func (s System) links(matches []Match) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for _, dir := range s.directories(matches) {
			entries, err := folder.Names(dir)
			if err != nil && !errors.Is(err, fs.ErrNotExist) {
				if !yield("", &Error{"coldplug", dir, nil, err}) {
					return
				}
			}
			for _, entry := range entries {
				path := filepath.Join(dir, entry)
				info, err := os.Lstat(path)
				link := err == nil && info.Mode().Type() == fs.ModeSymlink // a class may have files beside its devices
				if link && !yield(path, nil) {
					return
				}
			}
		}
	}
}

// directories are where the links to the devices of the matches are.
func (s System) directories(matches []Match) []string {
	var names []string
	for _, m := range matches {
		names = append(names, m.Subsystem)
	}
	if len(names) == 0 || slices.Contains(names, "") {
		classes, _ := filepath.Glob(s.path("sys/class/*"))
		buses, _ := filepath.Glob(s.path("sys/bus/*/devices"))
		return append(classes, buses...)
	}
	slices.Sort(names)
	var dirs []string
	for _, name := range slices.Compact(names) {
		if plain(name) && !strings.Contains(name, "/") {
			dirs = append(dirs, s.path("sys/class", name), s.path("sys/bus", name, "devices"))
		}
	}
	return dirs
}

// device reads sysfs and the database for one device.
func (s System) device(path string) (Event, error) {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return Event{}, readError(path, err)
	}
	properties, err := s.sysfs(real)
	if err != nil {
		return Event{}, readError(path, err)
	}
	e, err := decodeRecord(properties)
	if err != nil {
		return Event{}, &Error{"read", path, nil, err}
	}
	properties, err = s.amend(properties, &e)
	if err != nil {
		return Event{}, readError(path, err)
	}
	if e, err = decodeRecord(properties); err != nil {
		return Event{}, &Error{"read", path, nil, err}
	}
	e.Action = Add
	return e, nil
}

func decodeRecord(properties []byte) (Event, error) {
	if err := check(properties, 0); err != nil {
		return Event{}, err
	}
	return decode(Coldplug, Properties{string(properties)})
}

// sysfs renders what the kernel knows as properties.
func (s System) sysfs(real string) ([]byte, error) {
	root, err := filepath.EvalSymlinks(s.path("sys"))
	if err != nil {
		return nil, err
	}
	below, ok := strings.CutPrefix(real, root+"/")
	if !ok {
		return nil, fs.ErrNotExist
	}
	uevent, err := readRecord(filepath.Join(real, "uevent"))
	if err != nil {
		return nil, err
	}
	subsystem, err := os.Readlink(filepath.Join(real, "subsystem"))
	if err != nil {
		return nil, err
	}
	properties := property(nil, "DEVPATH", "/"+below)
	properties = property(properties, "SUBSYSTEM", filepath.Base(subsystem))
	for line := range bytes.Lines(uevent) { // those of processors have an empty one
		properties = pair(properties, string(bytes.TrimSuffix(line, []byte("\n"))))
	}
	return properties, nil
}

// pair leaves out what is no KEY=VALUE, because one line that cannot be read is not to hide a device,
// and what has no value, as libudev does.
func pair(properties []byte, text string) []byte {
	key, value, _ := strings.Cut(text, "=")
	if key == "" || value == "" || strings.Contains(text, "\x00") {
		return properties
	}
	return property(properties, key, value)
}

func property(to []byte, key, value string) []byte {
	to = append(to, key...)
	to = append(to, '=')
	to = append(to, value...)
	return append(to, 0)
}

func readRecord(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, maxRecord))
}

// readError tells a device that is gone, or was none, from one that cannot be read.
func readError(path string, err error) error {
	for _, gone := range []error{fs.ErrNotExist, unix.ENODEV, unix.ENXIO, unix.ENOTDIR, unix.EINVAL} {
		if errors.Is(err, gone) {
			return &Error{"read", path, ErrNoDevice, err}
		}
	}
	return &Error{"read", path, nil, err}
}
