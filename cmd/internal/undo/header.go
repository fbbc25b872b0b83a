// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/dm/folder"
	"github.com/orthrus-luks/orthrus/luks"
	"golang.org/x/sys/unix"
)

// KeepHeader makes a header backup durable in a new file below a state directory, on another device than dev.
// It holds key material: Shred destroys it.
func KeepHeader(state, uuid string, backup []byte, dev *luks.File, now time.Time) (path string, err error) {
	dir := Directory(state)
	if err := makeFolder(dir); err != nil {
		return "", err
	}
	path = filepath.Join(dir, PlainName(uuid)+"-"+now.UTC().Format("20060102T150405.000")+headerSuffix)
	return path, WriteApart(path, backup, dev)
}

const headerSuffix = ".luks"

// Headers lists the backups that KeepHeader has made of a volume and that are still there.
func Headers(state, uuid string) ([]string, error) {
	return Files(Directory(state), PlainName(uuid)+"-", headerSuffix)
}

// AllHeaders lists the backups that KeepHeader has made of any volume and that are still there.
func AllHeaders(state string) ([]string, error) {
	return Files(Directory(state), "", headerSuffix)
}

// Files lists what lies in a directory under names that begin and end so, in their order. A directory that is not there
// holds nothing, nor does one below a file; any other error is one: what cannot be listed may be there.
func Files(dir, prefix, suffix string) (paths []string, err error) {
	entries, err := folder.Names(dir)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENOTDIR) {
		return nil, nil
	}
	for _, e := range entries {
		if strings.HasPrefix(e, prefix) && strings.HasSuffix(e, suffix) {
			paths = append(paths, filepath.Join(dir, e))
		}
	}
	return paths, err
}

// Shred overwrites a file and removes it; one that is not there is no error.
func Shred(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	err = Overwrite(f)
	if gone := os.Remove(path); !errors.Is(gone, fs.ErrNotExist) { // another program was destroying it as well
		err = errors.Join(err, gone)
	}
	return err
}

// Overwrite fills an open file with zeros, makes that durable, and closes it.
func Overwrite(f *os.File) error {
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, info.Size()))
	}
	return errors.Join(err, f.Sync(), f.Close())
}
