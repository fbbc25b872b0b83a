// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"fmt"
	"math/rand/v2"
	"strings"
)

const (
	kib = int64(1) << 10
	mib = int64(1) << 20
)

// Geometry is the shape of a volume. Bytes; 0 leaves a size to the program.
type Geometry struct {
	Version  int
	Device   int64
	Detached bool
	Header   int64 // of the file that holds a detached header
	Metadata int64 // of one head
	Keyslots int64
	Offset   int64 // where the data begin
	Sector   int64
	KeyBits  int
	Far      bool // has a far header from the start
	Inner    bool // holds a file system that ends half way, so that the volume's end is known to be free
	ByPeer   bool // made by cryptsetup
}

// drawGeometry draws a shape. Small areas are drawn more often than people have them: where room is short,
// commands take their detours.
func drawGeometry(r *rand.Rand) Geometry {
	g := Geometry{Version: 2, Device: pick(r, 20*mib, 24*mib, 32*mib+4096, 64*mib, 300*mib), KeyBits: pick(r, 256, 256, 256, 512), ByPeer: r.IntN(4) == 0}
	g.Sector = pick(r, int64(0), 512, 512, 4096)
	g.Inner = r.IntN(2) == 0
	if r.IntN(5) == 0 {
		g.Version, g.Sector = 1, 0
	}
	if r.IntN(5) == 0 {
		g.Detached, g.Header = true, pick(r, 2*mib, 4*mib, 20*mib)
	}
	if g.Version == 1 {
		g.Offset = pick(r, 0, 0, 4*mib, 16*mib)
		return g.fitted()
	}
	g.Metadata = pick(r, 0, 0, 0, 16*kib, 32*kib, 64*kib, 128*kib)
	if r.IntN(3) > 0 {
		area := area(g.KeyBits)
		g.Keyslots = pick(r, 2*area, 3*area, 4*area, 512*kib, 2*mib)
		g.Offset = pick(r, 0, 0, g.end(), g.end()+mib, 8*mib, 16*mib)
	}
	if g.Detached {
		g.Offset = pick(r, 0, 0, 4*mib, 1024*mib)
	}
	if g.Far = !g.Detached && r.IntN(2) == 0; g.Far {
		g.ByPeer = false
	}
	return g.fitted()
}

// area is the room of one keyslot.
func area(bits int) int64 { return (int64(bits/8)*4000 + 4095) &^ 4095 }

// end is where heads and keyslots end.
func (g Geometry) end() int64 { return 2*max(g.Metadata, 16*kib) + g.Keyslots }

// fitted makes the sizes such as programs accept.
func (g Geometry) fitted() Geometry {
	if g.Offset > 0 && g.Version == 2 && g.Keyslots > 0 {
		g.Offset = max(g.Offset, g.end())
	}
	if g.Offset > 0 {
		g.Offset = (g.Offset + 4095) &^ 4095
	}
	if g.Detached && g.Keyslots == 0 && g.Version == 2 {
		g.Header = 20 * mib
	}
	if g.Version == 1 && g.Detached {
		g.Header = max(g.Header, 4*mib)
	}
	if g.Far || g.Inner && g.Version == 2 && !g.Detached {
		length := 16*mib + mib
		if g.Keyslots > 0 {
			length = g.end()
		}
		g.Device = max(g.Device, 17*length+4*mib)
		g.Device = (g.Device + mib - 1) &^ (mib - 1)
	}
	if !g.Detached {
		g.Device = max(g.Device, g.Offset+4*mib)
		if g.Keyslots > 0 && g.Offset == 0 {
			g.Device = max(g.Device, g.end()+20*mib)
		}
	}
	return g
}

// formatArgs are the options of luksFormat that make the shape; ours has far headers.
func (g Geometry) formatArgs(ours bool) []string {
	args := []string{"--type", fmt.Sprintf("luks%d", g.Version), "--key-size", fmt.Sprint(g.KeyBits)}
	add := func(name string, n int64) {
		if n > 0 {
			args = append(args, name, fmt.Sprint(n))
		}
	}
	add("--luks2-metadata-size", g.Metadata)
	add("--luks2-keyslots-size", g.Keyslots)
	add("--sector-size", g.Sector)
	add("--offset", g.Offset/512)
	if ours && g.Version == 2 {
		if g.Far {
			args = append(args, "--far-header")
		} else {
			args = append(args, "--no-far-header")
		}
	}
	return args
}

// Class names the shape in tables.
func (g Geometry) Class() string {
	words := []string{fmt.Sprintf("luks%d", g.Version)}
	add := func(is bool, word string) {
		if is {
			words = append(words, word)
		}
	}
	add(g.Detached, "detached")
	add(g.Far, "far")
	switch {
	case g.Version == 1:
	case g.Keyslots == 0:
		words = append(words, "16 MiB area")
	case g.Offset == g.end():
		words = append(words, "no room")
	default:
		words = append(words, "small area")
	}
	return strings.Join(words, ", ")
}

// simpler are shapes with one thing less that is odd.
func (g Geometry) simpler() []Geometry {
	var list []Geometry
	try := func(change func(g *Geometry)) {
		next := g
		if change(&next); next.fitted() != g {
			list = append(list, next.fitted())
		}
	}
	try(func(g *Geometry) { g.ByPeer = false })
	try(func(g *Geometry) { g.Inner = false })
	try(func(g *Geometry) { g.Far = false })
	try(func(g *Geometry) { g.Sector = 0 })
	try(func(g *Geometry) { g.Metadata = 0 })
	try(func(g *Geometry) { g.Keyslots, g.Offset = 0, 0 })
	try(func(g *Geometry) { g.Offset = 0 })
	try(func(g *Geometry) { g.KeyBits = 256 })
	try(func(g *Geometry) { g.Detached, g.Header = false, 0 })
	return list
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }
