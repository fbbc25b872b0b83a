// SPDX-License-Identifier: Apache-2.0

// Package shape draws volumes: sizes of the device, of heads and of the keyslots area, data offsets,
// detached headers, keyslots in any number and order, a JSON area that is nearly full, a far header,
// sequence numbers near their end, heads that are stale or damaged. A Shape follows from its seed alone,
// but for the random bytes that a format draws.
package shape
