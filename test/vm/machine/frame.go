// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
)

// A frame on the control channel is one byte of kind, four of length (big
// endian), and the payload.
type frameKind byte

const (
	frameReady  frameKind = 'R' // guest: booted; payload: uptime in seconds as text
	frameRun    frameKind = 'X' // host: run this command (JSON)
	frameKill   frameKind = 'K' // host: kill the command
	frameOutput frameKind = 'O' // guest: standard output
	frameError  frameKind = 'E' // guest: standard error
	frameStatus frameKind = 'S' // guest: the command ended (JSON)
)

const maxFrame = 1 << 20 // bytes

// command is the payload of frameRun.
type command struct {
	Args []string
	Env  []string // added to the guest's own
	Dir  string

	Stdin []byte
}

// status is the payload of frameStatus.
type status struct {
	Code  int    // exit code; -1 when killed by a signal or not started
	Error string // why it did not start or what signal ended it
}

func writeFrame(w io.Writer, kind frameKind, payload []byte) error {
	frame := make([]byte, 5, 5+len(payload))
	frame[0] = byte(kind)
	binary.BigEndian.PutUint32(frame[1:], uint32(len(payload)))
	_, err := w.Write(append(frame, payload...))
	return err
}

func writeJSONFrame(w io.Writer, kind frameKind, v any) error {
	payload, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return writeFrame(w, kind, payload)
}

func readFrame(r io.Reader) (frameKind, []byte, error) {
	var head [5]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return 0, nil, err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxFrame {
		return 0, nil, fmt.Errorf("machine: frame of %d bytes", n)
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(r, payload)
	return frameKind(head[0]), payload, err
}
