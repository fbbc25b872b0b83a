// SPDX-License-Identifier: Apache-2.0

package inspect

import "github.com/orthrus-luks/orthrus/luks/luks2"

// Grade says how bad a finding is; the worst one is the volume's verdict.
type Grade int

// The grades.
const (
	Note     Grade = iota // worth knowing, nothing is wrong
	Healable              // damaged or at risk, and the volume still opens
	Lost                  // what is here does not open the volume
)

func (g Grade) String() string { return [...]string{"note", "healable", "lost"}[g] }

// MarshalText is the grade's name.
func (g Grade) MarshalText() ([]byte, error) { return []byte(g.String()), nil }

// Finding is one fact that a person should know.
type Finding struct {
	Grade Grade  `json:"grade"`
	Text  string `json:"text"`
}

// Report is what Judge makes of the evidence. Offsets and sizes are in bytes.
type Report struct {
	Version      int           `json:"version"`
	UUID         string        `json:"uuid,omitempty"`
	Label        string        `json:"label,omitempty"`
	Subsystem    string        `json:"subsystem,omitempty"`
	DeviceSize   uint64        `json:"device_size"`
	Verdict      string        `json:"verdict"` // "healthy", "healable", "lost"
	Chosen       string        `json:"chosen,omitempty"`
	Because      string        `json:"chosen_because,omitempty"`
	Copies       []Copy        `json:"copies,omitempty"` // LUKS2
	Keyslots     []Keyslot     `json:"keyslots"`
	Segments     []Segment     `json:"segments"`
	Tokens       []Token       `json:"tokens,omitempty"`
	Far          *FarReport    `json:"far_header,omitempty"`
	Requirements []string      `json:"requirements,omitempty"`
	LeftAlone    bool          `json:"left_alone,omitempty"` // unequal heads in the middle of a reencryption
	Reencryption *Reencryption `json:"reencryption,omitempty"`
	Findings     []Finding     `json:"findings"`
	Tools        []Opinion     `json:"other_tools"`
	Boot         []Loader      `json:"boot,omitempty"`
	Map          []Region      `json:"map,omitempty"`

	misfits []string // findings by which the data cannot be as the header has them
	room    uint64   // bytes of the device that has the data
	apart   bool     // it is another one
}

// Copy is one of the two heads.
type Copy struct {
	Place  string `json:"place"`
	Offset uint64 `json:"offset"`
	Size   uint64 `json:"size,omitempty"`
	State  string `json:"state"` // "valid", "stale", "conflicting", "damaged", "unreadable", "absent"
	SeqID  uint64 `json:"seqid"`
	Why    string `json:"why,omitempty"`
}

// Keyslot is one keyslot with what its area looks like.
type Keyslot struct {
	ID      int       `json:"id"`
	Type    string    `json:"type"`
	Bound   bool      `json:"opens_data"`
	KDF     string    `json:"kdf,omitempty"`
	Cipher  string    `json:"cipher,omitempty"`
	Offset  uint64    `json:"offset"`
	Size    uint64    `json:"size"`
	State   AreaState `json:"state"`
	Entropy float64   `json:"entropy"`             // bits for each byte
	Damage  *int64    `json:"damage_at,omitempty"` // first implausible sector
	Why     string    `json:"why,omitempty"`

	hash string // of KDF and splitter, for boot loaders
	af   string
	prio luks2.Priority
}

// Segment is a part of the data.
type Segment struct {
	ID         int    `json:"id"`
	Type       string `json:"type"`
	Offset     uint64 `json:"offset"`
	Size       uint64 `json:"size"`    // what there is of it on this device
	Dynamic    bool   `json:"dynamic"` // up to the device's end
	Backup     bool   `json:"backup,omitempty"`
	Cipher     string `json:"cipher,omitempty"`
	SectorSize uint32 `json:"sector_size,omitempty"`
	Integrity  string `json:"integrity,omitempty"`

	recorded uint64 // what the header says
}

// Token is one token.
type Token struct {
	ID       int    `json:"id"`
	Type     string `json:"type"`
	Keyslots []int  `json:"keyslots"`
}

// Opinion is what another program makes of the device.
type Opinion struct {
	Tool string `json:"tool"`
	Says string `json:"says"`
}

// add puts a finding into the report.
// Many call it; inlined in all of them it would be large.
//
//go:noinline
func (r *Report) add(g Grade, text string) { r.Findings = append(r.Findings, Finding{g, text}) }

// misfit puts a finding into the report by which the data cannot be on this device as the header has them.
func (r *Report) misfit(g Grade, text string) {
	r.add(g, text)
	if g != Note {
		r.misfits = append(r.misfits, text)
	}
}

// Misfits are the findings that say of a valid header that it does not fit its device: segments that no kernel
// maps, that end beyond the device, or that reach over the far header. Such a header is right in itself, and yet
// it is not what ought to be there.
func (r *Report) Misfits() []string { return r.misfits }

// Hurt lists the keyslots whose material is ruined, cannot be read, or lies beyond the device.
func (r *Report) Hurt() []int {
	var list []int
	for _, k := range r.Keyslots {
		if k.hurt() {
			list = append(list, k.ID)
		}
	}
	return list
}

// Add puts a finding of somebody else into a report that is judged already.
func (r *Report) Add(g Grade, text string) {
	r.add(g, text)
	r.conclude()
}

// Grade is the worst of the findings.
func (r *Report) Grade() Grade {
	worst := Note
	for _, f := range r.Findings {
		worst = max(worst, f.Grade)
	}
	return worst
}

// conclude fills in the verdict.
func (r *Report) conclude() {
	r.Verdict = "healthy"
	if g := r.Grade(); g != Note {
		r.Verdict = g.String()
	}
}
