// SPDX-License-Identifier: Apache-2.0

package verdict

import (
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// Sight is all that a decision rests on. Sizes are in bytes.
type Sight struct {
	UUID     string           // of the volume that lies here, or did
	Evidence inspect.Evidence // every copy and every signature
	Report   inspect.Report   // of the evidence; the zero value where it looks like nothing of LUKS
	Mark     *identity.Mark   // of the copy that speaks for the volume; nil where none is valid
	Cleared  bool             // a partition table (GPT) lies there that only lacks its magic
	Remains  bool             // something on the device, damaged or not, tells of a reencryption
	Device   Device
	Users    []User         // who uses the device, the volume's own mapping among them
	Mapping  *Mapping       // of the volume, where it is active
	Far      Far            // how the far header stands
	Known    *Known         // what is remembered, nil where the volume was never seen
	Clones   []string       // other devices that bear the UUID
	Upper    bool           // the device stands on the one that the volume was seen on
	Held     string         // why the volume is to be left alone, "" otherwise
	Later    string         // the UUID under which a newer state of the volume was seen, anywhere; "" for none
	Last     *identity.Mark // the state that was seen last on this very device, whatever was kept of it; nil for none
	Forgot   string         // why a state that was seen could not be remembered, "" where all were
	Often    bool           // it was mended so often of late that something must be at work against it
}

// Device is what the system says of the device.
type Device struct {
	Key       string // a name of the hardware, or of the file, that lasts
	Removable bool
	ReadOnly  bool
	Members   []string // arrays, multipath maps and caches that it belongs to
	Parts     int      // partitions on it
}

// User is somebody who uses the device, or a part of it.
type User struct {
	Kind UserKind
	Name string
	UUID string // the device-mapper's, of a mapping
}

// UserKind says in which way.
type UserKind string

// The kinds of users.
const (
	Mapped  UserKind = "mapping"
	Array   UserKind = "array" // md, bcache and others that sysfs shows as a holder
	Swap    UserKind = "swap"
	Mount   UserKind = "mount"
	Loop    UserKind = "loop device"
	Claimed UserKind = "claimed" // O_EXCL failed, and nothing tells who it is
)

// Mapping is an active mapping of the volume.
type Mapping struct {
	Name     string
	UUID     string // of the volume, as the device-mapper has it
	Fits     bool   // offset and cipher are those of the known head
	Size     uint64
	Wanted   uint64 // what the device has room for by the header; 0 where nothing tells
	Whole    bool   // it covered all that the device had when it was last seen complete
	Key      bool   // a key is at hand to load another table with
	Detached bool   // the header lies elsewhere: nothing of it is missing here
}

// Far is what there is of the third copy, and of transactions that the heads tell of.
type Far struct {
	Wants   Step   // Resume, Sync, Grow or Nothing
	Refused string // why that cannot be done, "" where it can
	Damaged []int  // keyslots that the far header has in order and the device has not
	Erased  []int  // those of them of which nothing is left on the device
	Newer   bool   // it is newer than the head that is left
	// Left tells that no head is left and a whole far header is; Mark is that of the heads in it.
	Left bool
	Mark *identity.Mark
}

// Known is what is remembered.
type Known struct {
	Chain   identity.Chain
	Kept    bool     // a head is kept of the chain's tip
	Opens   bool     // that has a keyslot
	Changed []string // parts of the keyslots area that are not as they were; looked for where no head is left
}

// VolumeOf is the UUID of the volume in a device-mapper uuid "CRYPT-LUKS2-<uuid without dashes>-<name>",
// with its dashes; "" for mappings of other kinds.
func VolumeOf(mapping string) string {
	parts := strings.SplitN(mapping, "-", 4)
	if len(parts) < 4 || parts[0] != "CRYPT" || parts[1] != "LUKS1" && parts[1] != "LUKS2" || len(parts[2]) != 32 {
		return ""
	}
	u := parts[2]
	return u[:8] + "-" + u[8:12] + "-" + u[12:16] + "-" + u[16:20] + "-" + u[20:]
}

// Bare is a UUID as the device-mapper has it.
func Bare(uuid string) string { return strings.ToLower(strings.ReplaceAll(uuid, "-", "")) }

// own: the volume's own mapping.
func (u User) own(uuid string) bool {
	volume := VolumeOf(u.UUID)
	return u.Kind == Mapped && volume != "" && Bare(volume) == Bare(uuid)
}

// relation of what lies on the device to what is remembered.
func (s Sight) relation(m *identity.Mark) identity.Relation {
	if s.Known == nil || m == nil {
		return identity.Unknown
	}
	return s.Known.Chain.Relate(*m)
}

// headless: no copy of the head is valid.
func (s Sight) headless() bool {
	h := s.Evidence.Heads
	return s.Evidence.LUKS1 == nil && h.Primary.State != header.Valid && h.Secondary.State != header.Valid
}

// destroyed: no head is left where one belongs, and the volume is still mapped.
func (s Sight) destroyed() bool { return s.Mapping != nil && !s.Mapping.Detached && s.headless() }

// hurt: a head is left, and not all is well with it or the other.
func (s Sight) hurt() bool {
	if s.Evidence.LUKS1 != nil {
		return len(s.Evidence.LUKS1.Glitches()) > 0
	}
	if s.Evidence.ChoiceErr != nil || s.Evidence.Choice.Copy.Metadata == nil {
		return false
	}
	return !s.Evidence.Choice.Healthy() || len(s.Far.Damaged) > 0
}

// Followed tells that the mapping is as long as the device has room for. One whose table could not be read is not
// known to be: it may have to follow yet.
func (m *Mapping) Followed() bool { return m.Wanted > 0 && m.Size >= m.Wanted }

// lags: the device became larger and the mapping did not.
func (s Sight) lags() bool {
	return s.Mapping != nil && s.Mapping.Whole && s.Mapping.Wanted > s.Mapping.Size
}

// reencrypted: when it was last seen, in order or not.
func (s Sight) reencrypted() bool {
	return s.Known != nil && s.Known.Chain.Reencrypted()
}

// reencrypts: now, or when it was last seen.
func (s Sight) reencrypts() bool {
	if s.Remains || s.Mark != nil && s.Mark.Reencrypt || s.Far.Mark != nil && s.Far.Mark.Reencrypt {
		return true
	}
	for _, f := range []header.Found{s.Evidence.Heads.Primary, s.Evidence.Heads.Secondary} {
		if f.Copy.Metadata != nil && identity.Reencrypts(f.Copy.Metadata) {
			return true
		}
	}
	if s.Known == nil {
		return false
	}
	ended := s.Mark != nil && s.relation(s.Mark) == identity.Newer && s.Evidence.Choice.Healthy()
	fork := s.Known.Chain.Fork
	return s.reencrypted() && !ended || fork != nil && fork.Reencrypt
}
