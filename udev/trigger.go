// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"errors"
	"os"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/uuid"
	"golang.org/x/sys/unix"
)

// NewUUID returns a random uuid (RFC 9562, version 4) to know an event again by.
func NewUUID() string { return uuid.New() }

// Trigger makes the kernel send an event about a device, and so makes udevd run its rules: it writes
// "ACTION UUID" to the device's uevent file. The event carries the uuid (Event.Synthetic); an empty one
// is not sent, and the event has "0". The device is given as to Device. Needs root. Errors are *Error,
// of kind ErrNoDevice or ErrTrigger.
func (s System) Trigger(path string, action Action, uuid string) error {
	if !plain(strings.TrimPrefix(path, "/")) {
		return &Error{"trigger", path, ErrNoDevice, nil}
	}
	text := action.String()
	if uuid != "" {
		text += " " + uuid
	}
	f, err := os.OpenFile(s.path("sys", path, "uevent"), os.O_WRONLY, 0)
	if err != nil {
		return triggerError(path, err)
	}
	defer f.Close()
	if _, err := f.WriteString(text); err != nil {
		return triggerError(path, err)
	}
	return nil
}

func triggerError(path string, err error) error {
	kind := ErrTrigger
	if errors.Is(err, os.ErrNotExist) || errors.Is(err, unix.ENODEV) {
		kind = ErrNoDevice
	}
	return &Error{"trigger", path, kind, err}
}
