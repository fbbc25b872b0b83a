// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"sync"
)

// qmp speaks QEMU's machine protocol: one JSON value per line, a command
// answered by "return" or "error", events in between.
type qmp struct {
	conn net.Conn
	mu   sync.Mutex // one command at a time

	answers chan qmpMessage
	events  chan qmpMessage
}

type qmpMessage struct {
	Return json.RawMessage `json:"return"`
	Error  *struct {
		Class string `json:"class"`
		Desc  string `json:"desc"`
	} `json:"error"`
	Event string `json:"event"`
	Data  struct {
		Device string `json:"device"`
	} `json:"data"`
}

func openQMP(ctx context.Context, conn net.Conn) (*qmp, error) {
	q := &qmp{conn: conn, answers: make(chan qmpMessage, 1), events: make(chan qmpMessage, 64)}
	go q.read()
	_, err := q.execute(ctx, "qmp_capabilities", nil)
	return q, err
}

// read sorts what arrives until the connection ends. Events nobody waits for
// are dropped: the oldest first.
func (q *qmp) read() {
	defer close(q.answers)
	dec := json.NewDecoder(q.conn)
	for {
		var m qmpMessage
		if dec.Decode(&m) != nil {
			return
		}
		switch {
		case m.Event != "":
			q.keepEvent(m)
		case m.Return != nil || m.Error != nil:
			q.answers <- m
		}
	}
}

func (q *qmp) keepEvent(m qmpMessage) {
	for {
		select {
		case q.events <- m:
			return
		default:
		}
		select {
		case <-q.events:
		default:
		}
	}
}

// execute runs a command and waits for its answer.
func (q *qmp) execute(ctx context.Context, command string, args any) (json.RawMessage, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	text, err := json.Marshal(struct {
		Execute   string `json:"execute"`
		Arguments any    `json:"arguments,omitempty"`
	}{command, args})
	if err != nil {
		return nil, err
	}
	if _, err := q.conn.Write(append(text, '\n')); err != nil {
		return nil, fmt.Errorf("machine: qmp %s: %w", command, err)
	}
	select {
	case m, ok := <-q.answers:
		if !ok {
			return nil, fmt.Errorf("machine: qmp %s: qemu is gone", command)
		}
		if m.Error != nil {
			return nil, fmt.Errorf("machine: qmp %s: %s", command, m.Error.Desc)
		}
		return m.Return, nil
	case <-ctx.Done():
		return nil, fmt.Errorf("machine: qmp %s: %w", command, ctx.Err())
	}
}

// waitDeleted waits until the guest has let go of a device.
func (q *qmp) waitDeleted(ctx context.Context, device string) error {
	for {
		select {
		case m := <-q.events:
			if m.Event == "DEVICE_DELETED" && m.Data.Device == device {
				return nil
			}
		case <-ctx.Done():
			return fmt.Errorf("machine: %s was not released: %w", device, ctx.Err())
		}
	}
}
