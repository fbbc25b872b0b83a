// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// Console asks at a terminal: a virtual console, a serial line, a pseudo terminal.
type Console struct {
	path   string
	file   *os.File
	keymap string      // the one that was asked for, empty where none was
	Quiet  func() bool // tells that somebody else draws on this console; nil for never

	// Signals lets keys such as Ctrl-C end the program; at boot they only edit.
	Signals bool

	mu     sync.Mutex
	drawn  *drawing      // while something is being asked
	before *unix.Termios // the terminal's mode as it was found
}

// OpenConsole opens a terminal, which from then on shows nothing of what is typed: not even before a
// question is asked. Keymap is the name of the layout that was asked for, where one was.
func OpenConsole(path, keymap string) (*Console, error) {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		return nil, err
	}
	before, err := hush(int(f.Fd()))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("%s is no terminal: %w", path, err), f.Close())
	}
	return &Console{path: path, file: f, keymap: keymap, before: before}, nil
}

// Close gives the terminal back as it was found.
func (c *Console) Close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	err := unix.IoctlSetTermios(int(c.file.Fd()), unix.TCSETS, c.before)
	return errors.Join(err, c.file.Close())
}

// Name is the path of the terminal.
func (c *Console) Name() string { return c.path }

// Say shows a line above whatever is being asked.
func (c *Console) Say(text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Quiet != nil && c.Quiet() {
		return
	}
	if c.drawn != nil {
		c.write(eraseLine)
	}
	c.write([]byte(printable(text) + "\n"))
	if c.drawn != nil {
		c.drawn.redraw(c)
	}
}

// Ask reads one line in a mode of its own, in which every key arrives at once.
func (c *Console) Ask(ctx context.Context, q Question) (typed *secret.Buffer, err error) {
	if c.Quiet != nil && c.Quiet() {
		return nil, ErrUnavailable
	}
	fd := int(c.file.Fd())
	rest, err := c.keyByKey(fd)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, rest()) }()
	typing, err := newLine(q.Echo)
	if err != nil {
		return nil, err
	}
	defer typing.close()
	c.begin(&drawing{line: typing, title: printable(q.Title), keymap: c.layout(), keyboard: vtKeyboard(fd)})
	defer c.end()
	w, err := ui.NewWaiter(ctx, fd)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if err := c.read(w); err != nil {
		return nil, err
	}
	return typing.take(), nil
}

// layout is what a prompt says of the keyboard: what the kernel's key map has, which is what counts,
// and the name of the one that was asked for. Of the keyboard behind a serial line nothing is known.
func (c *Console) layout() string {
	return describeLayout(vtKeyboard(int(c.file.Fd())).layout(), c.keymap)
}

func describeLayout(kernel, keymap string) string {
	if kernel == "" || keymap == "" {
		return kernel
	}
	return keymap + ", " + kernel
}

func (c *Console) begin(d *drawing) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drawn = d
	d.redraw(c)
}

// end leaves the cursor at the start of a fresh line.
func (c *Console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drawn = nil
	c.write([]byte("\n"))
}

// read takes keys up to the end of the line.
func (c *Console) read(w *ui.Waiter) error {
	key, err := secret.New(1)
	if err != nil {
		return err
	}
	defer key.Close()
	for {
		n, err := w.Read(key.Bytes(), time.Time{})
		switch {
		case err != nil:
			return err
		case n == 0:
			return ErrUnavailable // the line was hung up
		}
		c.mu.Lock()
		done := c.drawn.take(c, key.Bytes()[0])
		c.mu.Unlock()
		if done {
			return nil
		}
	}
}

func (c *Console) write(p []byte) {
	_, _ = c.file.Write(p) // a console that is gone shows nothing
}

// keyByKey: no line editing and no echo by the kernel, no signals; what was typed before is dropped,
// so that nothing is taken for an answer to a question not yet seen. At rest, between questions, the
// terminal is as it was but for the echo: what is typed while a key is derived stays off the screen.
func (c *Console) keyByKey(fd int) (rest func() error, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	mode := *c.before
	mode.Lflag &^= unix.ICANON | unix.ECHO | unix.ECHONL | unix.IEXTEN
	if !c.Signals {
		mode.Lflag &^= unix.ISIG
	}
	mode.Iflag &^= unix.INLCR | unix.IGNCR | unix.ISTRIP | unix.IXON
	mode.Iflag |= unix.ICRNL
	mode.Cc[unix.VMIN], mode.Cc[unix.VTIME] = 1, 0
	if err := unix.IoctlSetTermios(fd, unix.TCSETSF, &mode); err != nil {
		return nil, err
	}
	return func() error { return unix.IoctlSetTermios(fd, unix.TCSETS, silent(c.before)) }, nil
}

// printable replaces control characters: texts have names in them that a disk chose.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < 0x20 || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0xfffd {
			return '?'
		}
		return r
	}, text)
}
