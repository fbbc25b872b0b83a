// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"errors"
	"strconv"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// errNonsense ends a conversation.
var errNonsense = errors.New("malformed answer")

// client is a caller of the socket.
type client struct{ fd int }

// send never waits: a caller that does not read misses what is said.
func (c *client) send(m message) {
	_, _ = unix.SendmsgN(c.fd, m.encode(), nil, nil, unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL)
}

// hangUp ends reading on both sides; who reads closes.
func (c *client) hangUp() { _ = unix.Shutdown(c.fd, unix.SHUT_RDWR) }

// answer reads one answer: its head as text, then as many bytes as that says.
func (c *client) answer() (number int, answer *secret.Buffer, err error) {
	head, err := c.head()
	if err != nil {
		return 0, nil, err
	}
	number, size, err := numbers(head)
	if err != nil || size < 0 || size > MaxPassphrase {
		return 0, nil, errNonsense
	}
	if answer, err = secret.New(size); err != nil {
		return 0, nil, err
	}
	if err := fill(blocking{c.fd}, answer.Bytes()); err != nil {
		return 0, nil, errors.Join(err, answer.Close())
	}
	return number, answer, nil
}

// numbers are the question's and the length of the answer, of "answer NUMBER LENGTH".
func numbers(head string) (question, size int, err error) {
	words := strings.Fields(head)
	if len(words) != 3 || words[0] != "answer" {
		return 0, 0, errNonsense
	}
	question, err1 := strconv.Atoi(words[1])
	size, err2 := strconv.Atoi(words[2])
	return question, size, errors.Join(err1, err2)
}

// head reads up to a line feed, byte by byte, since what follows is secret.
func (c *client) head() (string, error) {
	var text []byte
	for len(text) < 64 {
		var b [1]byte
		if err := fill(blocking{c.fd}, b[:]); err != nil {
			return "", err
		}
		if b[0] == '\n' {
			return string(text), nil
		}
		text = append(text, b[0])
	}
	return "", errNonsense
}

// blocking reads without an end in time; hangUp ends it.
type blocking struct{ fd int }

// Read reads what is there; the deadline is not kept.
func (b blocking) Read(p []byte, _ time.Time) (int, error) {
	for {
		n, err := unix.Read(b.fd, p)
		if !errors.Is(err, unix.EINTR) {
			return max(n, 0), err
		}
	}
}
