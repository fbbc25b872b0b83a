// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"errors"
	"io"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// output is standard output. It remembers the first write that failed: whoever printed has often no use for the
// error, and the run is no success all the same.
type output struct {
	file *os.File

	mu   sync.Mutex
	lost error
}

func (o *output) Write(p []byte) (int, error) {
	n, err := o.file.Write(p)
	if err != nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		if o.lost == nil {
			o.lost = err
		}
	}
	return n, err
}

// Lost is why something that was printed to standard output did not get there, or nil. A reader that has gone has
// had enough, and is no failure.
func (u *UI) Lost() error {
	o, ok := u.Out.(*output)
	if !ok {
		return nil
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if errors.Is(o.lost, unix.EPIPE) {
		return nil
	}
	return o.lost
}

// Discarded tells whether nobody can see what is printed: standard output is the null device, which it is too where it
// was closed.
func (u *UI) Discarded() bool {
	var s unix.Stat_t
	f, ok := fileOf(u.Out)
	if !ok || unix.Fstat(int(f.Fd()), &s) != nil {
		return false
	}
	return s.Mode&unix.S_IFMT == unix.S_IFCHR && uint64(s.Rdev) == unix.Mkdev(1, 3)
}

// fileOf is the file behind a writer.
func fileOf(w io.Writer) (*os.File, bool) {
	if o, ok := w.(*output); ok {
		return o.file, true
	}
	f, ok := w.(*os.File)
	return f, ok
}
