// SPDX-License-Identifier: Apache-2.0

package shape

import (
	"fmt"
	"math"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Damage is what befell a head of a LUKS2 volume before.
type Damage int

// The kinds of damage.
const (
	Sound          Damage = iota
	StalePrimary          // the primary is that of before the last change
	StaleSecondary        // the secondary is
	LostPrimary           // the primary reads as zeros
	LostSecondary         // the secondary does
)

func (d Damage) String() string {
	return [...]string{"sound heads", "stale primary", "stale secondary", "lost primary", "lost secondary"}[d]
}

// Detachment says whether the header has a device of its own, and what it says of the data.
type Detachment int

// The kinds of detachment.
const (
	Attached Detachment = iota
	NoOffset            // detached, the data begin at 0
	FarOff              // detached, the data begin behind the end of the header's device
	Near                // detached, the data begin within the length of the header's device
)

func (d Detachment) String() string {
	return [...]string{"attached", "detached, offset 0", "detached, offset beyond the device", "detached, offset within"}[d]
}

// Shape is the geometry of a volume and what was done to it. Draw makes one; whoever needs more of it
// changes fields, and Settled works out the rest.
type Shape struct {
	Version    int
	Header     uint64 // LUKS2: of one head, bytes
	KeySize    int    // of the volume key, bytes
	SectorSize int    // of the data, bytes
	Keyslots   []int  // their ids, in the order in which they were added
	Removed    int    // as many of the first ones were removed again
	Unbound    bool   // and one was added that holds a key of its own
	Spare      int    // areas of keyslots for which there is room beside those that were ever there
	Odd        uint64 // bytes of the keyslots area beyond whole areas
	Slack      uint64 // bytes between metadata and data, or the end of a detached header's device
	Tail       uint64 // bytes of data, or those behind a detached header
	Detached   Detachment
	Far        bool
	Filled     bool   // tokens fill the JSON area but for Left bytes
	Left       uint64 // bytes
	SeqID      uint64 // LUKS2: 0 as it comes
	Damage     Damage

	// What Settled works out, in bytes.
	KeyslotsSize, DataOffset uint64
	Device                   int64
}

const mib = 1 << 20

// Area is the length of one keyslot area, bytes.
func (s Shape) Area() uint64 {
	return luks2.AreaSize(uint32(s.KeySize), 4000)
}

// Settled returns the shape with sizes and offsets that follow from the rest.
func (s Shape) Settled() Shape {
	if s.Version == 1 {
		return s.settled1()
	}
	areas := len(s.Keyslots) + s.Spare
	if s.Unbound {
		areas++
	}
	s.KeyslotsSize = uint64(areas)*s.Area() + s.Odd
	room := 2*s.Header + s.KeyslotsSize
	if s.Detached != Attached || room > mostWithFar {
		s.Far = false
	}
	switch s.Detached {
	case Attached:
		s.DataOffset = room + s.Slack
		s.Device = int64(s.DataOffset + s.Tail)
	case NoOffset:
		s.DataOffset, s.Device = 0, int64(room+s.Slack)
	case FarOff:
		s.DataOffset, s.Device = room+s.Slack+s.Tail+mib, int64(room+s.Slack)
	case Near:
		s.DataOffset, s.Device = room+s.Slack, int64(room+s.Slack+s.Tail)
	}
	if s.Far {
		s.Device = s.withFar(room)
		s.Left = max(s.Left, farTokens)
	}
	return s
}

// mostWithFar bounds metadata that get a far header, bytes: the data must be many times as long.
const mostWithFar = 768 << 10

// farTokens is what the far header's token takes of the JSON area on its way there, bytes.
const farTokens = 1000

// withFar is a device with room for the far header behind as little data as it may have.
func (s Shape) withFar(room uint64) int64 {
	least := s.DataOffset + far.LeastData(room)
	return int64((least/far.Alignment+2+(room+far.Alignment-1)/far.Alignment)*far.Alignment + s.Tail)
}

// settled1: heads and keyslots of LUKS1 lie where they do.
func (s Shape) settled1() Shape {
	s.Header, s.Far, s.Damage, s.SeqID, s.Unbound, s.Filled = 0, false, Sound, 0, false, false
	s.SectorSize = 512
	material := uint64(4096 + 8*((s.KeySize*4000+4095)/4096*4096))
	s.KeyslotsSize = 0
	switch s.Detached {
	case NoOffset:
		s.DataOffset, s.Device = 0, int64(material+s.Slack)
	case FarOff:
		s.DataOffset, s.Device = material+s.Slack+s.Tail+mib, int64(material+s.Slack)
	default:
		s.DataOffset = material + s.Slack
		s.Device = int64(s.DataOffset + s.Tail)
	}
	return s
}

// Held are the ids of the keyslots that are there in the end.
func (s Shape) Held() []int { return s.Keyslots[s.Removed:] }

// Passphrase is that of the keyslot of an id.
func Passphrase(id int) string { return fmt.Sprintf("the passphrase of keyslot %d", id) }

// String describes the shape in one line.
func (s Shape) String() string {
	text := fmt.Sprintf("LUKS%d, device %d, heads %d, keyslots area %d, data at %d (%v), key %d, sectors %d, keyslots %v",
		s.Version, s.Device, s.Header, s.KeyslotsSize, s.DataOffset, s.Detached, s.KeySize, s.SectorSize, s.Keyslots)
	if s.Removed > 0 {
		text += fmt.Sprintf(" of which the first %d are gone", s.Removed)
	}
	for _, t := range s.Traits()[1:] {
		text += ", " + t
	}
	return text
}

// Traits are what figures are told by: the size of the heads or the version first.
func (s Shape) Traits() []string {
	list := []string{"LUKS1"}
	if s.Version == 2 {
		list = []string{fmt.Sprintf("heads of %d KiB", s.Header>>10)}
	}
	add := func(is bool, trait string) {
		if is {
			list = append(list, trait)
		}
	}
	add(s.Detached != Attached, s.Detached.String())
	add(s.Far, "far header")
	add(s.Spare == 0 && s.Version == 2, "keyslots area full")
	add(s.Slack == 0, "no slack before the data")
	add(s.Slack > 0 && s.Slack < s.Area(), "slack of less than an area")
	add(len(s.Held()) == 1, "one keyslot")
	add(len(s.Held()) > 4, "more than four keyslots")
	add(s.Removed > 0, "holes between keyslots")
	add(s.Filled, "JSON nearly full")
	add(s.SeqID > math.MaxUint64-8, "sequence number near its end")
	add(s.Damage != Sound, s.Damage.String())
	add(s.SectorSize == 4096, "sectors of 4096")
	add(s.Tail%4096 != 0, "odd sectors")
	return list
}
