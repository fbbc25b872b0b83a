// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"testing"

	"golang.org/x/sys/unix"
)

// fakeCall is an ioctl as the fake kernel received it.
type fakeCall struct {
	cmd     uintptr
	header  header
	payload []byte
}

// fakeKernel records ioctls and answers them by script.
type fakeKernel struct {
	t      *testing.T
	calls  []fakeCall
	answer func(call fakeCall, h *header) (payload []byte, err error)
}

// control returns a client of a fake kernel, without udev, with its nodes in a directory of the test.
func fake(t *testing.T, answer func(call fakeCall, h *header) ([]byte, error)) (*Control, *fakeKernel) {
	t.Helper()
	k := &fakeKernel{t: t, answer: answer}
	return &Control{ioctl: k.ioctl, nodes: nodes{dir: t.TempDir()}}, k
}

func (k *fakeKernel) ioctl(cmd uintptr, mem []byte) error {
	h, ok := load[header](mem)
	if !ok || int(h.DataSize) != len(mem) || h.DataStart != headerSize {
		k.t.Fatalf("call %#x: data_size %d, data_start %d, buffer of %d", cmd, h.DataSize, h.DataStart, len(mem))
	}
	call := fakeCall{cmd, h, append([]byte(nil), mem[headerSize:]...)}
	k.calls = append(k.calls, call)
	h.Flags &^= unix.DM_SECURE_DATA_FLAG
	payload, err := k.answer(call, &h)
	if err != nil {
		return err
	}
	h.DataSize = headerSize - 7 // offsetof(struct dm_ioctl, data), for calls without output
	if len(payload) > len(mem)-headerSize {
		h.Flags |= unix.DM_BUFFER_FULL_FLAG
	} else if len(payload) > 0 {
		h.DataSize = uint32(headerSize + copy(mem[headerSize:], payload))
	}
	store(mem, h)
	return nil
}

// named returns the calls of one command.
func (k *fakeKernel) named(cmd uintptr) []fakeCall {
	var found []fakeCall
	for _, call := range k.calls {
		if call.cmd == cmd {
			found = append(found, call)
		}
	}
	return found
}
