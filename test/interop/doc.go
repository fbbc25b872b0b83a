// SPDX-License-Identifier: Apache-2.0

// Package interop holds this program and the real cryptsetup against each other on image files,
// where neither needs root or the device-mapper: each reads, and changes, what the other made.
//
// The peers are the releases that `scripts/setup` unpacks (ORTHRUS_CACHE as there). A test whose
// peer is missing fails.
package interop
