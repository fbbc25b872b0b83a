// SPDX-License-Identifier: Apache-2.0

// Package open leads from a device and key sources to a mapping, in steps that each caller may look at
// and stop between:
//
//	Inspect   open the device, read the header
//	Heal      mend a damaged copy of it
//	Claim     make sure that nothing else holds the data
//	Unlock    let key sources race for the volume key
//	Map       hand it to the kernel
//
// The device is opened once for all of them. Nobody is asked for anything before Unlock, so that all
// that can fail without a key has failed by then.
//
// # Key sources
//
// A Source is one way to a secret: a key file, a token, a prompt. A Race starts them, at once or one
// after another, and takes the first secret that opens the volume. A source may hang for good (a FIFO
// that nobody writes to, a disk that dies): it is then left to itself, and neither a winner nor the
// other sources wait for it. What it brings later is wiped.
package open
