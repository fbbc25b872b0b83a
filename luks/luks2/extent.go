// SPDX-License-Identifier: Apache-2.0

package luks2

import "github.com/orthrus-luks/orthrus/dm/extent"

// Extent is a range of bytes on the device.
type Extent = extent.Extent

// AlignUp rounds up to whole units of keyslot areas, 4096 bytes.
func AlignUp(n uint64) uint64 { return extent.Up(n, AreaAlignment) }

// AlignDown rounds down; see AlignUp.
func AlignDown(n uint64) uint64 { return extent.Down(n, AreaAlignment) }
