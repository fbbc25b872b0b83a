// SPDX-License-Identifier: Apache-2.0

package header

import "io"

// Device is what holds the heads: a block device, an image file, a simulated disk. Reads after a
// Sync must come from the medium, or read-back proves nothing. Sync returns every error.
type Device interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Size() int64 // bytes
}
