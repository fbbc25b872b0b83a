// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"unsafe"

	"golang.org/x/sys/unix"
)

// Requests of ioctl_console(2).
const (
	kdGetLockFlags = 0x4b64 // KDGKBLED
	kdGetEntry     = 0x4b46 // KDGKBENT
	lockCapitals   = 0x04   // K_CAPSLOCK
)

// keyboard is the one of a virtual console; other terminals have none that the kernel knows.
type keyboard struct{ fd int }

func vtKeyboard(fd int) keyboard { return keyboard{fd} }

// capitals tells whether the capitals lock is on, as far as the kernel knows.
func (k keyboard) capitals() bool {
	var flags byte
	return k.ioctl(kdGetLockFlags, unsafe.Pointer(&flags)) && flags&lockCapitals != 0
}

// layout names the arrangement of the letters in the kernel's key map; empty where there is none.
func (k keyboard) layout() string { return layoutOf(k.letter) }

// kbentry is struct kbentry of linux/kd.h.
type kbentry struct {
	table, index uint8
	value        uint16
}

// letter is what a key types without modifiers; 0 where that is not known.
func (k keyboard) letter(keycode uint8) byte {
	e := kbentry{index: keycode}
	if !k.ioctl(kdGetEntry, unsafe.Pointer(&e)) {
		return 0
	}
	return byte(e.value) // KVAL; above it is the type, latin or letter
}

func (k keyboard) ioctl(request uintptr, argument unsafe.Pointer) bool {
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(k.fd), request, uintptr(argument))
	return errno == 0
}

// layoutOf knows layouts by the letters on the keys Q, W, Y and F of an American keyboard.
func layoutOf(letter func(keycode uint8) byte) string {
	const keyQ, keyW, keyY, keyF = 16, 17, 21, 33
	switch q, w, y, f := letter(keyQ), letter(keyW), letter(keyY), letter(keyF); {
	case q == 'a' && w == 'z':
		return "azerty"
	case q == 'q' && w == 'w' && y == 'z':
		return "qwertz"
	case q == 'q' && w == 'w' && y == 'y':
		return "qwerty"
	case q == 'q' && w == 'w' && f == 't':
		return "colemak"
	case q == '\'' && w == ',':
		return "dvorak"
	}
	return ""
}
