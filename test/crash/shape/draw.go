// SPDX-License-Identifier: Apache-2.0

package shape

import (
	"math"
	"math/rand/v2"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// headers are the sizes of heads by how often they are drawn: large ones take long to read.
var headers = [...]uint64{
	16 << 10, 16 << 10, 16 << 10, 16 << 10, 16 << 10, 16 << 10, 16 << 10, 16 << 10, 16 << 10, 16 << 10,
	32 << 10, 32 << 10, 32 << 10, 32 << 10, 64 << 10, 64 << 10, 64 << 10, 128 << 10, 128 << 10, 256 << 10,
	512 << 10, 1 << 20,
}

// oneIn tells by chance, of one in n times.
func oneIn(rng *rand.Rand, n int) bool { return rng.IntN(n) == 0 }

func pick[T any](rng *rand.Rand, list ...T) T { return list[rng.IntN(len(list))] }

// Draw makes a shape.
func Draw(rng *rand.Rand) Shape {
	s := Shape{
		Version: 2, Header: headers[rng.IntN(len(headers))],
		KeySize: pick(rng, 16, 16, 32, 32, 64), SectorSize: pick(rng, 512, 512, 4096),
		Spare: pick(rng, 0, 0, 1, 1, 2, 3), Odd: pick(rng, 0, 0, 0, uint64(luks2.AreaAlignment), 7*luks2.AreaAlignment),
		Detached: pick(rng, Attached, Attached, Attached, Attached, Attached, Attached, NoOffset, FarOff, FarOff, Near),
		Far:      oneIn(rng, 4),
	}
	if oneIn(rng, 100) {
		s.Header = luks2.MaxSize
	}
	if oneIn(rng, 5) {
		s.Version = 1
	}
	s.Slack = s.slack(rng)
	s.Tail = uint64(1+rng.IntN(16)) * 512
	if !oneIn(rng, 3) {
		s.Tail = uint64(1+rng.IntN(400)) * 4096
	}
	if s.SectorSize == 4096 { // the data begin and end at whole sectors, or a format refuses them
		s.Slack, s.Tail = (s.Slack+4095)/4096*4096, (s.Tail+4095)/4096*4096
	}
	s.keyslots(rng, pick(rng, 1, 2, 2, 2, 3, 3, 4, 6, 8))
	s.history(rng)
	return s
}

// slack is none, less than an area, or room for one or more.
func (s *Shape) slack(rng *rand.Rand) uint64 {
	switch rng.IntN(5) {
	case 0, 1:
		return 0
	case 2:
		return uint64(1+rng.IntN(int(s.Area()/512)-1)) * 512
	case 3:
		return s.Area() + uint64(rng.IntN(16))*4096
	}
	return 2*s.Area() + uint64(rng.IntN(1024))*512
}

// keyslots draws n ids in an order of its own.
func (s *Shape) keyslots(rng *rand.Rand, n int) {
	most := luks2.MaxKeyslots
	if s.Version == 1 {
		most = luks1.KeyslotCount
	}
	s.Keyslots = rng.Perm(min(most, max(n+1, 8*rng.IntN(5))))[:n]
	s.Removed = 0
	if n > 2 && oneIn(rng, 3) {
		s.Removed = 1 + rng.IntN(n-2)
	}
}

// AtLeast lets there be so many keyslots in the end.
func (s *Shape) AtLeast(rng *rand.Rand, n int) {
	if len(s.Held()) < n {
		s.keyslots(rng, n)
		s.Removed = 0
	}
}

// history draws what was done to the volume before.
func (s *Shape) history(rng *rand.Rand) {
	s.Unbound = oneIn(rng, 10)
	if s.Filled = s.Header <= 64<<10 && oneIn(rng, 7); s.Filled {
		s.Left = uint64(rng.IntN(2500))
	}
	if oneIn(rng, 6) {
		s.SeqID = math.MaxUint64 - uint64(rng.IntN(5))
	}
	if oneIn(rng, 4) {
		s.Damage = pick(rng, StalePrimary, StaleSecondary, LostPrimary, LostSecondary)
	}
}
