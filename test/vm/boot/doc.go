// SPDX-License-Identifier: Apache-2.0

// Package boot tries the engine of "orthrus boot" on a real kernel with as little memory as the
// smallest machines have, with disks that come late, come twice, or lie.
package boot
