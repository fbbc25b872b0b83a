// SPDX-License-Identifier: Apache-2.0

package tpm

import "encoding/binary"

// The methods of writer and reader are called in hundreds of places: copies of them would make the program larger by
// tens of kilobytes.

// writer puts a command together.
type writer []byte

//go:noinline
func (w *writer) u8(n byte) { *w = append(*w, n) }

//go:noinline
func (w *writer) u16(n uint16) { *w = binary.BigEndian.AppendUint16(*w, n) }

//go:noinline
func (w *writer) u32(n uint32) { *w = binary.BigEndian.AppendUint32(*w, n) }

//go:noinline
func (w *writer) raw(p []byte) { *w = append(*w, p...) }

// sized is a TPM2B: what was put together with its length in front.
//
//go:noinline
func (w *writer) sized(p []byte) {
	w.u16(uint16(len(p)))
	w.raw(p)
}

// Sized is p with its length, 2 bytes, in front, as TPM2B_… are written.
//
//go:noinline
func Sized(p []byte) []byte {
	var w writer
	w.sized(p)
	return w
}

// reader takes an answer apart. What is missing reads as zero and makes it short, for good.
type reader struct {
	rest  []byte
	short bool
}

//go:noinline
func (r *reader) take(n int) []byte {
	if n > len(r.rest) || r.short {
		r.short, r.rest = true, nil
		return make([]byte, min(n, 8))
	}
	p := r.rest[:n:n]
	r.rest = r.rest[n:]
	return p
}

//go:noinline
func (r *reader) u8() byte { return r.take(1)[0] }

//go:noinline
func (r *reader) u16() uint16 { return binary.BigEndian.Uint16(r.take(2)) }

//go:noinline
func (r *reader) u32() uint32 { return binary.BigEndian.Uint32(r.take(4)) }

// sized is the content of a TPM2B.
//
//go:noinline
func (r *reader) sized() []byte {
	n := int(r.u16())
	if n > len(r.rest) {
		r.short, r.rest = true, nil
		return nil
	}
	return r.take(n)
}
