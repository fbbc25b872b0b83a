// SPDX-License-Identifier: Apache-2.0

package target

import (
	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Linear maps a range onto a device (kernel: admin-guide/device-mapper/linear.rst).
type Linear struct {
	Start, Length uint64 // 512-byte sectors
	Device        string // "major:minor", or a path on load
	Offset        uint64 // first sector on Device, 512-byte sectors
}

// Span implements Target.
func (l *Linear) Span() (start, length uint64) { return l.Start, l.Length }

// Type implements Target.
func (*Linear) Type() string { return "linear" }

// Close implements Target.
func (*Linear) Close() error { return nil }

// Params implements Target.
func (l *Linear) Params() (*secret.Buffer, error) {
	w := newWriter("linear")
	w.word("device", l.Device)
	w.number(l.Offset)
	return w.finish()
}

func parseLinear(start, length uint64, params []byte) (Target, error) {
	r := newReader("linear", params)
	l := &Linear{Start: start, Length: length, Device: r.word("device"), Offset: r.number("offset")}
	r.end()
	return finish(r, l)
}

// Error maps a range in which every read and write fails (dm-table: the "error" target).
// It takes the place of a device that is to be detached without being removed.
type Error struct{ Start, Length uint64 } // 512-byte sectors

// Span implements Target.
func (e *Error) Span() (start, length uint64) { return e.Start, e.Length }

// Type implements Target.
func (*Error) Type() string { return "error" }

// Close implements Target.
func (*Error) Close() error { return nil }

// Params implements Target.
func (*Error) Params() (*secret.Buffer, error) { return secret.New(0) }

// Zero maps a range that reads as zeros and swallows writes (kernel: zero.rst).
type Zero struct{ Start, Length uint64 } // 512-byte sectors

// Span implements Target.
func (z *Zero) Span() (start, length uint64) { return z.Start, z.Length }

// Type implements Target.
func (*Zero) Type() string { return "zero" }

// Close implements Target.
func (*Zero) Close() error { return nil }

// Params implements Target.
func (*Zero) Params() (*secret.Buffer, error) { return secret.New(0) }

// parseBare reads the two targets without parameters. Since Linux 6.1 error takes an optional
// "<device> <offset>"; such a line is kept as it is.
func parseBare(start, length uint64, kind string, params []byte) (Target, error) {
	r := newReader(kind, params)
	switch {
	case kind == "error" && r.more():
		return parseRaw(start, length, kind, params)
	case kind == "error":
		return &Error{Start: start, Length: length}, nil
	}
	r.end()
	return finish(r, &Zero{Start: start, Length: length})
}

// Raw is a line of a type this package does not interpret. Its parameters count as secret, since
// nobody here knows what they are.
type Raw struct {
	Start, Length uint64 // 512-byte sectors
	Kind          string
	Text          *secret.Buffer // the parameters; nil for none
}

// Span implements Target.
func (t *Raw) Span() (start, length uint64) { return t.Start, t.Length }

// Type implements Target.
func (t *Raw) Type() string { return t.Kind }

// Close wipes the parameters.
func (t *Raw) Close() error { return t.Text.Close() }

// Params implements Target.
func (t *Raw) Params() (*secret.Buffer, error) { return secret.Copy(t.Text.Bytes()) }

func parseRaw(start, length uint64, kind string, params []byte) (Target, error) {
	r := newReader(kind, params)
	text, err := secret.Copy(r.rest())
	if err != nil {
		return nil, err
	}
	return &Raw{Start: start, Length: length, Kind: kind, Text: text}, nil
}

// finish returns the parsed target, or the reader's error after wiping what was parsed.
func finish(r *reader, t Target) (Target, error) {
	if r.err != nil {
		_ = t.Close() // the error that matters is the reader's
		return nil, r.err
	}
	return t, nil
}
