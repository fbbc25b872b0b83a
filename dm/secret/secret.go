// SPDX-License-Identifier: Apache-2.0

// Package secret holds key material: memory mapped apart from the Go heap, locked where
// the process may lock it, left out of core dumps and forked children, and wiped before it is
// returned to the kernel. A Buffer prints as a fixed word and refuses to be marshalled, so a
// passphrase or volume key cannot end up in a log by accident.
package secret

import (
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"runtime"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// ErrSealed is returned where something tries to turn a Buffer into text.
var ErrSealed = errors.New("secret: a secret has no text form")

// Buffer is a fixed-capacity piece of secret memory. The zero value is an empty, closed buffer.
type Buffer struct {
	region []byte // whole pages, as mapped
	length int    // bytes in use, at the front of region
}

// New returns a zeroed Buffer of n bytes. Locking the memory is attempted and its failure
// ignored (RLIMIT_MEMLOCK is small for ordinary users); a failure to map is an error.
func New(n int) (*Buffer, error) {
	if n < 0 {
		return nil, fmt.Errorf("secret: negative length %d", n)
	}
	if n == 0 {
		return &Buffer{region: []byte{}}, nil
	}
	page := unix.Getpagesize()
	size := extent.Up(n, page)
	region, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return nil, fmt.Errorf("secret: mapping %d bytes: %w", size, err)
	}
	// Best effort: an unlocked, dumpable page is still better than no unlock at all.
	_ = unix.Mlock(region)
	_ = unix.Madvise(region, unix.MADV_DONTDUMP)
	_ = unix.Madvise(region, unix.MADV_DONTFORK)
	b := &Buffer{region: region, length: n}
	runtime.SetFinalizer(b, (*Buffer).Close)
	return b, nil
}

// From moves p into a new Buffer: p is wiped, also on failure.
func From(p []byte) (*Buffer, error) {
	defer Wipe(p)
	return Copy(p)
}

// Copy returns a new Buffer with the bytes of p, which stays as it is.
func Copy(p []byte) (*Buffer, error) {
	b, err := New(len(p))
	if err != nil {
		return nil, err
	}
	copy(b.Bytes(), p)
	return b, nil
}

// ReadFull fills a new Buffer of n bytes from r.
func ReadFull(r io.Reader, n int) (*Buffer, error) {
	b, err := New(n)
	if err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(r, b.Bytes()); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// Bytes returns the secret itself: nil of a closed Buffer, and not of an empty one. The slice is valid until
// Close, and the caller keeps the Buffer reachable (runtime.KeepAlive or a deferred Close) while using it.
func (b *Buffer) Bytes() []byte {
	if b == nil || b.region == nil {
		return nil
	}
	return b.region[:b.length:b.length]
}

// Len returns the length in bytes.
func (b *Buffer) Len() int {
	if b == nil {
		return 0
	}
	return b.length
}

// Truncate shortens the Buffer to n bytes, 0 at least, and wipes what it cuts off. It makes nothing longer.
func (b *Buffer) Truncate(n int) {
	if b == nil {
		return
	}
	n = max(0, min(n, b.length))
	Wipe(b.region[n:b.length])
	b.length = n
}

// Append returns a Buffer with p added; b itself is closed when it had to move, and may be nil.
func (b *Buffer) Append(p []byte) (*Buffer, error) {
	if b == nil {
		return Copy(p)
	}
	if b.length+len(p) <= len(b.region) {
		b.length += copy(b.region[b.length:b.length+len(p)], p)
		return b, nil
	}
	grown, err := New(2*b.length + len(p))
	if err != nil {
		return b, err
	}
	grown.length = copy(grown.region, b.Bytes())
	grown.length += copy(grown.region[grown.length:], p)
	return grown, b.Close()
}

// Equal compares in constant time.
func (b *Buffer) Equal(p []byte) bool {
	return subtle.ConstantTimeCompare(b.Bytes(), p) == 1
}

// Close wipes and unmaps the memory. It may be called more than once and on nil.
func (b *Buffer) Close() error {
	if b == nil || b.region == nil {
		return nil
	}
	region := b.region
	b.region, b.length = nil, 0
	runtime.SetFinalizer(b, nil)
	Wipe(region)
	if len(region) == 0 {
		return nil
	}
	if err := unix.Munmap(region); err != nil {
		return fmt.Errorf("secret: unmapping: %w", err)
	}
	return nil
}

// Format prints a fixed word for every verb, %#v and %x included.
func (b *Buffer) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "[secret]") }

// MarshalText refuses: secrets have no text form.
func (b *Buffer) MarshalText() ([]byte, error) { return nil, ErrSealed }

// MarshalJSON refuses as well.
func (b *Buffer) MarshalJSON() ([]byte, error) { return nil, ErrSealed }

// Wipe overwrites p with zeros; the compiler may not drop the stores, since p stays alive after them.
//
//go:noinline
func Wipe(p []byte) {
	clear(p)
	runtime.KeepAlive(p)
}
