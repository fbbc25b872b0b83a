// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// NameError is a name or uuid the device-mapper cannot take.
type NameError struct {
	Field  string // "name" or "uuid"
	Value  string
	Reason string
}

func (e *NameError) Error() string {
	return fmt.Sprintf("device-mapper: %s %q: %s", e.Field, e.Value, e.Reason)
}

// Unwrap returns ErrName.
func (e *NameError) Unwrap() error { return ErrName }

// Mangle returns the kernel's form of a device name: bytes outside [0-9A-Za-z#+-.:=@_] become \xNN.
// A name that is in that form already stays as it is; a mix of both is refused, as libdevmapper does
// in its mode "auto". The error is a *NameError.
func Mangle(name string) (string, error) {
	kernel, err := mangle("name", name)
	if err != nil {
		return "", err
	}
	switch kernel {
	case ".", "..", unix.DM_CONTROL_NODE:
		return "", &NameError{Field: "name", Value: name, Reason: "reserved"}
	}
	return kernel, checkLength("name", name, kernel, unix.DM_NAME_LEN)
}

// MangleUUID does the same for a uuid, which may be empty.
func MangleUUID(uuid string) (string, error) {
	if uuid == "" {
		return "", nil
	}
	kernel, err := mangle("uuid", uuid)
	if err != nil {
		return "", err
	}
	return kernel, checkLength("uuid", uuid, kernel, unix.DM_UUID_LEN)
}

func checkLength(field, value, kernel string, limit int) error {
	if len(kernel) < limit {
		return nil
	}
	reason := fmt.Sprintf("%d bytes, %d at most", len(kernel), limit-1)
	return &NameError{Field: field, Value: value, Reason: reason}
}

func mangle(field, value string) (string, error) {
	if value == "" {
		return "", &NameError{Field: field, Value: value, Reason: "empty"}
	}
	if strings.ContainsAny(value, "/\x00") {
		return "", &NameError{Field: field, Value: value, Reason: "contains a slash or NUL"}
	}
	var b strings.Builder
	encoded, mangled := 0, 0
	for i := 0; i < len(value); i++ {
		switch {
		case plain(value[i]):
			b.WriteByte(value[i])
		case isEscape(value[i:]):
			b.WriteString(value[i : i+4])
			i += 3
			mangled++
		default:
			fmt.Fprintf(&b, `\x%02x`, value[i])
			encoded++
		}
	}
	if encoded > 0 && mangled > 0 {
		return "", &NameError{Field: field, Value: value, Reason: "mixes encoded and plain special characters"}
	}
	return b.String(), nil
}

// Unmangle turns \xNN back into bytes.
func Unmangle(kernel string) string {
	var b strings.Builder
	for i := 0; i < len(kernel); i++ {
		if isEscape(kernel[i:]) {
			b.WriteByte(unhex(kernel[i+2])<<4 | unhex(kernel[i+3]))
			i += 3
			continue
		}
		b.WriteByte(kernel[i])
	}
	return b.String()
}

func plain(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' ||
		strings.IndexByte("#+-.:=@_", c) >= 0
}

func isEscape(s string) bool {
	return len(s) >= 4 && s[0] == '\\' && s[1] == 'x' && isHex(s[2]) && isHex(s[3])
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c >= 'a':
		return c - 'a' + 10
	}
	return c - 'A' + 10
}
