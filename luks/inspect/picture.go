// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"math/bits"
	"strings"
)

// Picture draws the regions for a terminal of so many columns: a bar on which larger regions are
// wider, though not in proportion, and a line for each region.
func Picture(regions []Region, columns int) []string {
	widths := share(regions, columns-2)
	var bar strings.Builder
	for i, r := range regions {
		bar.WriteString(strings.Repeat(string(glyph(r)), widths[i]))
	}
	lines := []string{"[" + bar.String() + "]"}
	for _, r := range regions {
		line := fmt.Sprintf(" %c %15d %15d  %s", glyph(r), r.Offset, r.Size, r.Name)
		if r.Damaged {
			line += " (" + strings.TrimSpace("damaged "+r.Why) + ")"
		}
		lines = append(lines, line)
	}
	return lines
}

// glyph stands for a region: plain letters, since a rescue console may know no others.
func glyph(r Region) rune {
	const digits = "0123456789abcdefghijklmnopqrstuv"
	switch {
	case r.Damaged:
		return 'X'
	case r.Kind == Head && r.Offset == 0:
		return 'P'
	case r.Kind == Head:
		return 'S'
	case r.Kind == KeyslotArea && r.Keyslot >= 0 && r.Keyslot < len(digits):
		return rune(digits[r.Keyslot])
	case r.Kind == KeyslotArea:
		return 'k'
	case r.Kind == Free:
		return '.'
	case r.Kind == Data:
		return '#'
	case r.Kind == NewData:
		return '='
	case r.Kind == HotZone:
		return '!'
	case r.Kind == FarHeader:
		return 'F'
	case r.Kind == Unknown:
		return '?'
	}
	return '-'
}

// share gives each region at least one of the columns and the others by the logarithm of its
// size. Where there are more regions than columns, the bar is as wide as there are regions.
func share(regions []Region, columns int) []int {
	widths := make([]int, len(regions))
	total := 0
	for _, r := range regions {
		total += weight(r)
	}
	spare := max(columns-len(regions), 0)
	used := 0
	for i, r := range regions {
		extra := 0
		if total > 0 {
			extra = spare * weight(r) / total
		}
		widths[i] = 1 + extra
		used += extra
	}
	if len(widths) > 0 {
		widths[len(widths)-1] += spare - used
	}
	return widths
}

// weight is the logarithm of the size in KiB.
func weight(r Region) int { return bits.Len64(r.Size >> 10) }
