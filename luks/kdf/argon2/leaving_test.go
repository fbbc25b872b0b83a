// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"bytes"
	"context"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWaitingEndsWithTheLastDeparture(t *testing.T) {
	var d departures
	if d.wait(t.Context()) {
		t.Error("waits for nothing")
	}
	d.begin()
	d.begin()
	waited := make(chan bool)
	go func() { waited <- d.wait(context.Background()) }()
	d.end()
	select {
	case <-waited:
		t.Error("did not wait for the second")
	case <-time.After(10 * time.Millisecond):
	}
	d.end()
	if !<-waited || d.wait(t.Context()) {
		t.Error("something is left")
	}
	d.begin()
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if !d.wait(gone) {
		t.Error("did not wait")
	}
	d.end()
}

func TestMemoryOfACancelledDerivationIsWipedBehindIt(t *testing.T) {
	a, err := newArena(t.Context(), 2*promptly, 1)
	if err != nil {
		t.Fatal(err)
	}
	for i := range a.bytes {
		a.bytes[i] = 1
	}
	wiped := false
	a.unmap = func(mapping []byte) error {
		wiped = bytes.Equal(a.bytes, make([]byte, len(a.bytes)))
		return unix.Munmap(mapping)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if err := a.leave(gone); err != nil {
		t.Error(err)
	}
	Wait()
	if !wiped || a.mapping != nil {
		t.Errorf("wiped: %v, mapping of %d bytes", wiped, len(a.mapping))
	}
}
