// SPDX-License-Identifier: Apache-2.0

package udev

import "bytes"

// splitKernel takes the header off a message of the kernel. An action has no '@', so the first one
// ends it; a device path may have more.
func splitKernel(b []byte) (message, error) {
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return message{}, &ParseError{ErrTooShort, "", len(b)}
	}
	action, path, _ := bytes.Cut(b[:end], []byte("@"))
	if len(action) == 0 || !bytes.HasPrefix(path, []byte("/")) {
		return message{}, &ParseError{ErrHeader, "", 0}
	}
	return message{Kernel, b[:end], b[end+1:], end + 1}, nil
}
