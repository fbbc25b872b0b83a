// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Transport carries a command to a TPM and its answer back.
type Transport interface {
	// Exchange returns the answer to a command, at most MostAnswer bytes. It is the caller's to wipe.
	Exchange(ctx context.Context, command []byte) ([]byte, error)
	Close() error
}

// MostAnswer is the length of the longest command or answer, bytes.
const MostAnswer = 4096

// Client gives commands to a TPM, one at a time.
type Client struct {
	transport Transport
	retry     time.Duration // before the first repetition
}

// NewClient speaks over a transport, which is the client's to close.
func NewClient(t Transport) *Client { return &Client{t, 10 * time.Millisecond} }

// Close ends the connection.
func (c *Client) Close() error { return c.transport.Close() }

const (
	tagPlain    = 0x8001
	tagSessions = 0x8002
	headerSize  = 10
)

// Entity is what a command is about: a handle, and the name that authorisations count with.
type Entity struct {
	Handle uint32
	name   []byte // empty for those whose name is the handle
}

// Name is what the TPM calls it.
func (e Entity) Name() []byte {
	if len(e.name) > 0 {
		return e.name
	}
	return number(e.Handle)
}

// command is one on its way.
type command struct {
	name     string // without TPM2_
	code     uint32
	entities []Entity
	auth     authorisation // nil for none; of the first entity
	params   []byte
	gives    bool // a handle comes with the answer
}

// authorisation proves that a command may be given, and checks the answer.
type authorisation interface {
	// command returns the area that authorises a command, and may encrypt its first parameter in place.
	command(c *command) ([]byte, error)
	// answer checks the authorisation of an answer, and may decrypt its first parameter in place.
	answer(code uint32, params []byte, area *reader) error
}

// run gives a command and returns the handle and the parameters of its answer, which are the caller's to wipe.
// Errors are an *AnswerError, ErrAnswer, ErrForged and those of the transport.
func (c *Client) run(ctx context.Context, cmd *command) (handle uint32, params *reader, err error) {
	for wait := c.retry; ; wait *= 2 {
		handle, params, err = c.once(ctx, cmd)
		again := is(err, resultRetry) || is(err, resultYielded) || is(err, resultTesting)
		if !again || wait > 2*time.Second {
			return handle, params, err
		}
		select {
		case <-ctx.Done():
			return 0, nil, context.Cause(ctx)
		case <-time.After(wait):
		}
	}
}

func (c *Client) once(ctx context.Context, given *command) (handle uint32, params *reader, err error) {
	cmd := *given // whose parameters may be encrypted
	text, err := marshal(&cmd)
	if err != nil {
		return 0, nil, err
	}
	if len(text) > MostAnswer {
		return 0, nil, fmt.Errorf("TPM2_%s: %w", cmd.name, ErrUnsupported)
	}
	answer, err := c.transport.Exchange(ctx, text)
	secret.Wipe(text)
	if err != nil {
		return 0, nil, fmt.Errorf("TPM2_%s: %w", cmd.name, err)
	}
	handle, params, err = unmarshal(&cmd, answer)
	if err != nil {
		secret.Wipe(answer)
	}
	return handle, params, err
}

// marshal writes a command.
func marshal(cmd *command) ([]byte, error) {
	w := make(writer, headerSize, headerSize+len(cmd.params)+256)
	for _, e := range cmd.entities {
		w.u32(e.Handle)
	}
	tag := uint16(tagPlain)
	if cmd.auth != nil {
		area, err := cmd.auth.command(cmd)
		if err != nil {
			return nil, err
		}
		tag = tagSessions
		w.u32(uint32(len(area)))
		w.raw(area)
	}
	w.raw(cmd.params)
	binary.BigEndian.PutUint16(w, tag)
	binary.BigEndian.PutUint32(w[2:], uint32(len(w)))
	binary.BigEndian.PutUint32(w[6:], cmd.code)
	return w, nil
}

// unmarshal reads the answer to a command.
func unmarshal(cmd *command, answer []byte) (handle uint32, params *reader, err error) {
	r := &reader{rest: answer}
	tag, size, code := r.u16(), r.u32(), r.u32()
	switch {
	case r.short || uint64(size) != uint64(len(answer)):
		return 0, nil, fmt.Errorf("TPM2_%s: %w", cmd.name, ErrAnswer)
	case code != 0:
		return 0, nil, answerError(cmd.name, code)
	case (tag == tagSessions) != (cmd.auth != nil):
		return 0, nil, fmt.Errorf("TPM2_%s: %w", cmd.name, ErrAnswer)
	}
	if cmd.gives {
		handle = r.u32()
	}
	params = r
	if cmd.auth != nil {
		n := r.u32()
		if uint64(n) > uint64(len(r.rest)) {
			n, r.short = 0, true
		}
		params = &reader{rest: r.take(int(n))}
		if err = cmd.auth.answer(cmd.code, params.rest, r); err != nil {
			return 0, nil, fmt.Errorf("TPM2_%s: %w", cmd.name, err)
		}
	}
	if r.short {
		return 0, nil, fmt.Errorf("TPM2_%s: %w", cmd.name, ErrAnswer)
	}
	return handle, params, nil
}

// done is the error of an answer that was shorter than it said.
//
//go:noinline
func (r *reader) done(command string) error {
	if r.short {
		return fmt.Errorf("TPM2_%s: %w", command, ErrAnswer)
	}
	return nil
}
