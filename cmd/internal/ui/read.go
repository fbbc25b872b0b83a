// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// ending is what stopped a reading.
type ending int

const (
	atLimit ending = iota
	atNewline
	atEnd
)

const readChunk = 64 << 10

// readUpTo reads limit bytes or up to the end; a line is read byte by byte, up to its newline, which
// is taken but not kept.
func readUpTo(w *Waiter, limit int64, line bool) (*secret.Buffer, ending, error) {
	got, err := secret.New(0)
	if err != nil {
		return got, atEnd, err
	}
	piece, err := secret.New(chunkSize(limit, line))
	if err != nil {
		return got, atEnd, err
	}
	defer piece.Close()
	for left := limit; left > 0; {
		n, err := w.Read(piece.Bytes()[:min(left, int64(piece.Len()))], time.Time{})
		switch {
		case err != nil:
			return got, atEnd, err
		case n == 0:
			return got, atEnd, nil
		case line && piece.Bytes()[0] == '\n':
			return got, atNewline, nil
		}
		if got, err = got.Append(piece.Bytes()[:n]); err != nil {
			return got, atEnd, err
		}
		left -= int64(n)
	}
	return got, atLimit, nil
}

func chunkSize(limit int64, line bool) int {
	if line {
		return 1
	}
	return int(min(limit, readChunk))
}

// skip moves past the first bytes of a key file; by reading where there is no seeking.
func skip(w *Waiter, offset uint64) error {
	if offset == 0 {
		return nil
	}
	var stat unix.Stat_t
	if err := unix.Fstat(w.fd, &stat); err != nil {
		return skipByReading(w, offset)
	}
	switch stat.Mode & unix.S_IFMT {
	case unix.S_IFREG:
		return seekRegular(w.fd, offset, stat.Size)
	case unix.S_IFBLK: // its start may be unreadable, or gigabytes long
		return seekDevice(w.fd, offset)
	}
	return skipByReading(w, offset)
}

func seekRegular(fd int, offset uint64, size int64) error {
	at, err := unix.Seek(fd, 0, unix.SEEK_CUR)
	if err != nil || offset > uint64(max(size-at, 0)) {
		return ErrSeekKeyFile
	}
	if _, err := unix.Seek(fd, at+int64(offset), unix.SEEK_SET); err != nil {
		return ErrSeekKeyFile
	}
	return nil
}

// seekDevice takes the device's own word for its size.
func seekDevice(fd int, offset uint64) error {
	at, err := unix.Seek(fd, 0, unix.SEEK_CUR)
	if err != nil {
		return ErrSeekKeyFile
	}
	end, err := unix.Seek(fd, 0, unix.SEEK_END)
	if err != nil || offset > uint64(max(end-at, 0)) {
		return ErrSeekKeyFile
	}
	if _, err := unix.Seek(fd, at+int64(offset), unix.SEEK_SET); err != nil {
		return ErrSeekKeyFile
	}
	return nil
}

func skipByReading(w *Waiter, offset uint64) error {
	dropped, err := secret.New(int(min(offset, readChunk)))
	if err != nil {
		return err
	}
	defer dropped.Close()
	for offset > 0 {
		n, err := w.Read(dropped.Bytes()[:min(offset, uint64(dropped.Len()))], time.Time{})
		if err != nil {
			return err
		}
		if n == 0 {
			return ErrSeekKeyFile
		}
		offset -= uint64(n)
	}
	return nil
}
