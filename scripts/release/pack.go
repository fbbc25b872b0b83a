// SPDX-License-Identifier: Apache-2.0

package main

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"time"
)

// pack writes a folder into a tarball: in the order of names, of one time, by root, with modes 755 and 644.
func pack(folder, to string, when time.Time) (err error) {
	f, err := os.Create(to)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	zipped, err := gzip.NewWriterLevel(f, gzip.BestCompression)
	if err != nil {
		return err
	}
	packed := tar.NewWriter(zipped)
	walk := func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		return add(packed, folder, name, e, when)
	}
	return errors.Join(filepath.WalkDir(folder, walk), packed.Close(), zipped.Close())
}

// add writes one file, folder or link of the folder, below the folder's own name.
func add(to *tar.Writer, folder, name string, e fs.DirEntry, when time.Time) error {
	info, err := e.Info()
	if err != nil {
		return err
	}
	below, err := filepath.Rel(folder, name)
	if err != nil {
		return err
	}
	h, err := header(name, info, when)
	if err != nil {
		return err
	}
	h.Name = path.Join(filepath.Base(folder), filepath.ToSlash(below))
	if e.IsDir() {
		h.Name += "/"
	}
	if err := to.WriteHeader(h); err != nil || !info.Mode().IsRegular() {
		return err
	}
	return copyInto(to, name)
}

// header is a file's without all that depends on the machine.
func header(name string, info fs.FileInfo, when time.Time) (*tar.Header, error) {
	link := ""
	if info.Mode()&fs.ModeSymlink != 0 {
		var err error
		if link, err = os.Readlink(name); err != nil {
			return nil, err
		}
	}
	h, err := tar.FileInfoHeader(info, link)
	if err != nil {
		return nil, err
	}
	mode := int64(0o644)
	if info.IsDir() || info.Mode()&0o100 != 0 {
		mode = 0o755
	}
	return &tar.Header{
		Typeflag: h.Typeflag, Linkname: link, Size: h.Size, Mode: mode, ModTime: when, Uname: "root", Gname: "root",
	}, nil
}

func copyInto(to io.Writer, name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, f)
	return errors.Join(err, f.Close())
}
