// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/unixsocket"
	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Caller is the other side of a Socket: a front end.
type Caller struct {
	connection *os.File
	lines      *bufio.Scanner
}

// News is something that a Socket told.
type News struct {
	Ask       int    // number of a question that is open now
	Title     string // of the question
	Withdrawn int    // number of one that is not any more
	Say       string // a line for people
	Taken     int    // number of the question whose answer, from this caller, is tried
	Over      string // what the boot came to: Opened or Failed
}

// Call connects to the socket at path.
func Call(path string) (*Caller, error) {
	c, err := unixsocket.Dial(path)
	if err != nil {
		return nil, err
	}
	return &Caller{c, bufio.NewScanner(c)}, nil
}

// Close hangs up.
func (c *Caller) Close() error { return c.connection.Close() }

// Next waits for news; ErrUnavailable is the end.
func (c *Caller) Next() (News, error) {
	if !c.lines.Scan() {
		return News{}, errors.Join(ErrUnavailable, c.lines.Err())
	}
	var m message
	if err := json.Unmarshal(c.lines.Bytes(), &m); err != nil {
		return News{}, fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	return News{Ask: m.Ask, Title: m.Title, Withdrawn: m.Withdrawn, Say: m.Say, Taken: m.Taken, Over: m.Over}, nil
}

// Answer answers a question.
func (c *Caller) Answer(number int, passphrase *secret.Buffer) error {
	if _, err := fmt.Fprintf(c.connection, "answer %d %d\n", number, passphrase.Len()); err != nil {
		return err
	}
	_, err := c.connection.Write(passphrase.Bytes())
	return err
}
