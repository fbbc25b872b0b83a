// SPDX-License-Identifier: Apache-2.0

package target

import (
	"bytes"
	"encoding/hex"
	"errors"
	"strconv"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// reader splits parameters into words and keeps the first error.
type reader struct {
	target string
	left   []byte
	err    error
}

func newReader(target string, text []byte) *reader {
	return &reader{target: target, left: bytes.TrimRight(text, " \t\n\x00")}
}

func (r *reader) fail(field, value, reason string) {
	if r.err == nil {
		r.err = &FieldError{Kind: ErrSyntax, Target: r.target, Field: field, Value: value, Reason: reason}
	}
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' || b == '\n' }

// more says whether another word follows.
func (r *reader) more() bool {
	r.left = bytes.TrimLeft(r.left, " \t\n")
	return r.err == nil && len(r.left) > 0
}

// raw returns the next word as a view of the text, which is how a key is read.
func (r *reader) raw(field string) []byte {
	if !r.more() {
		r.fail(field, "", "missing")
		return nil
	}
	end := 0
	for end < len(r.left) && !isSpace(r.left[end]) {
		end++
	}
	word := r.left[:end]
	r.left = r.left[end:]
	return word
}

// word returns the next word, which must not be a secret.
func (r *reader) word(field string) string {
	word := string(r.raw(field))
	if r.err == nil && !printable(word) {
		r.fail(field, word, "contains a control character or a backslash")
	}
	return word
}

func (r *reader) number(field string) uint64 { return r.parseUint(field, 64) }

func (r *reader) number32(field string) uint32 { return uint32(r.parseUint(field, 32)) }

func (r *reader) parseUint(field string, bits int) uint64 {
	word := r.word(field)
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(word, 10, bits)
	if err != nil {
		r.fail(field, word, "not a number of "+strconv.Itoa(bits)+" bits")
	}
	return n
}

// rest returns what is left, without leading white space.
func (r *reader) rest() []byte {
	r.more()
	return r.left
}

// end fails when words are left over.
func (r *reader) end() {
	if r.more() {
		r.fail("parameters", "", "more words than the target takes")
	}
}

// optionWords reads "<n> word…" and returns the n words as views; no words at all means none.
func (r *reader) optionWords() [][]byte {
	if !r.more() {
		return nil
	}
	count := r.number32("number of options")
	var words [][]byte
	for i := uint32(0); i < count && r.err == nil; i++ {
		words = append(words, r.raw("option"))
	}
	r.end()
	return words
}

// writer joins words in secret memory and keeps the first error.
type writer struct {
	target string
	buf    *secret.Buffer
	err    error
}

func newWriter(target string) *writer {
	buf, err := secret.New(0)
	return &writer{target: target, buf: buf, err: err}
}

func (w *writer) fail(field, value, reason string) {
	if w.err == nil {
		w.err = &FieldError{Kind: ErrValue, Target: w.target, Field: field, Value: value, Reason: reason}
	}
}

func (w *writer) append(p []byte) {
	if w.err == nil {
		w.buf, w.err = w.buf.Append(p)
	}
}

// separate puts a blank between words.
func (w *writer) separate() {
	if w.buf.Len() > 0 {
		w.append([]byte{' '})
	}
}

func (w *writer) bytes(p []byte) {
	w.separate()
	w.append(p)
}

// word adds text that is no secret and must be one word.
func (w *writer) word(field, s string) {
	if !printable(s) {
		w.fail(field, s, "empty, or contains white space, a control character or a backslash")
		return
	}
	w.bytes([]byte(s))
}

func (w *writer) number(n uint64) { w.bytes(strconv.AppendUint(nil, n, 10)) }

// hex adds p in lower-case hexadecimal, byte by byte so that no copy is left behind.
func (w *writer) hex(p []byte) {
	const digits = "0123456789abcdef"
	var pair [2]byte
	for _, b := range p {
		pair[0], pair[1] = digits[b>>4], digits[b&15]
		w.append(pair[:])
	}
	secret.Wipe(pair[:])
}

func (w *writer) finish() (*secret.Buffer, error) {
	if w.err != nil {
		return nil, errors.Join(w.err, w.buf.Close())
	}
	return w.buf, nil
}

// decodeHex moves hexadecimal text into secret memory.
func (r *reader) decodeHex(field string, text []byte) *secret.Buffer {
	buf, err := secret.New(hex.DecodedLen(len(text)))
	if err == nil {
		_, err = hex.Decode(buf.Bytes(), text)
	}
	if err != nil {
		r.fail(field, "", "not hexadecimal") // the text is a key: it is not shown
		_ = buf.Close()
		return nil
	}
	return buf
}
