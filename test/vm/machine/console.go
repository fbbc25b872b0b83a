// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

const consoleKept = 256 << 10 // bytes

// Console is the guest's serial port.
type Console struct {
	conn net.Conn
	also io.Writer

	mu   sync.Mutex
	text []byte // the last consoleKept bytes
	base int    // how many were dropped before text
	more chan struct{}
	over bool // nothing more will come
}

// ErrEnded is the kind of errors about a machine that has ended.
var ErrEnded = errors.New("the machine has ended")

func newConsole(conn net.Conn, also io.Writer) *Console {
	c := &Console{conn: conn, also: also, more: make(chan struct{})}
	go c.read()
	return c
}

func (c *Console) read() {
	buf := make([]byte, 4096)
	for {
		n, err := c.conn.Read(buf)
		if n > 0 {
			c.keep(buf[:n])
		}
		if err != nil {
			c.end()
			return
		}
	}
}

func (c *Console) end() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = true
	close(c.more)
	c.more = make(chan struct{})
}

func (c *Console) keep(p []byte) {
	if c.also != nil {
		_, _ = c.also.Write(p)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text = append(c.text, p...)
	if drop := len(c.text) - consoleKept; drop > 0 {
		c.text, c.base = append([]byte(nil), c.text[drop:]...), c.base+drop
	}
	close(c.more)
	c.more = make(chan struct{})
}

// Tail returns the last lines, for a failure report.
func (c *Console) Tail(lines int) string {
	c.mu.Lock()
	defer c.mu.Unlock()
	all := strings.Split(strings.TrimRight(strings.ReplaceAll(string(c.text), "\r", ""), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Write types on the console.
func (c *Console) Write(p []byte) (int, error) { return c.conn.Write(p) }

// Expect waits until the console shows text after the mark, a number of bytes
// seen, and returns the mark behind it.
func (c *Console) Expect(ctx context.Context, mark int, text string) (int, error) {
	for {
		at, over, more := c.find(mark, text)
		if at >= 0 {
			return at, nil
		}
		if over {
			return 0, fmt.Errorf("machine: console did not show %q: %w; it ends with:\n%s", text, ErrEnded, c.Tail(40))
		}
		select {
		case <-more:
		case <-ctx.Done():
			return 0, fmt.Errorf("machine: console did not show %q: %w; it ends with:\n%s", text, ctx.Err(), c.Tail(40))
		}
	}
}

func (c *Console) find(mark int, text string) (at int, over bool, more <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	from := max(0, mark-c.base)
	if i := bytes.Index(c.text[min(from, len(c.text)):], []byte(text)); i >= 0 {
		return c.base + from + i + len(text), c.over, nil
	}
	return -1, c.over, c.more
}
