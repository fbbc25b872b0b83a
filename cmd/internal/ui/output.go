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

// fileOf is the file behind a writer.
func fileOf(w io.Writer) (*os.File, bool) {
	if o, ok := w.(*output); ok {
		return o.file, true
	}
	f, ok := w.(*os.File)
	return f, ok
}
