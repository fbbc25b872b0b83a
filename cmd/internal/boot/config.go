// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/device"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/udev"
)

// Config says what to do and with what.
type Config struct {
	Plan      plan.Plan
	System    udev.System // the machine; zero is this one
	Frontends []ask.Frontend

	// Report gets everything that happens, from one goroutine at a time; nil for none. What it
	// returns, unless empty, is shown to people at all front ends.
	Report func(Event) string
	// Sources are further ways to the key of a volume.
	Sources []func(Target) (open.Source, bool)
	// NoGrow leaves volumes as long as they are, though their devices have gained. Otherwise one with a
	// far header follows its device before it is mapped; that it cannot is reported and stops nothing.
	NoGrow bool

	TestOnly bool // unlock and forget: nothing is mapped

	// DeriveTimeout bounds one derivation; 5 minutes when zero, and at most a minute for volumes
	// without which the boot goes on.
	DeriveTimeout time.Duration
	// unclaimed and patience stand in for the machine in tests.
	unclaimed func() []device.Identity
	patience  time.Duration

	// Limits bound the costs of keyslots; kdf.OpeningLimits when nil.
	Limits *kdf.Limits
}

func (c Config) farPatience() time.Duration {
	if c.patience > 0 {
		return c.patience
	}
	return farPatience
}

// State is what became of a volume.
type State string

// The states.
const (
	Opened State = "opened"
	Absent State = "absent" // the device stayed away
	Failed State = "failed"
)

// Outcome is what became of one volume.
type Outcome struct {
	_ [0]func() // no comparison is made of it

	Name     string        `json:"name"`
	State    State         `json:"state"`
	Device   string        `json:"device,omitempty"` // node
	Node     string        `json:"node,omitempty"`   // of the mapping
	Root     bool          `json:"root,omitempty"`
	Required bool          `json:"required"`
	By       string        `json:"by,omitempty"`     // what the key came from
	Grown    bool          `json:"grown,omitempty"`  // it followed its device, which had grown
	Reason   string        `json:"reason,omitempty"` // why it is not open
	Waited   time.Duration `json:"waited_ns"`        // for the device
	Derived  time.Duration `json:"derived_ns"`       // in key derivation
	Err      error         `json:"-"`
}

// Result is what became of a plan.
type Result struct {
	Volumes  []Outcome         `json:"volumes"`
	Verified []VerifiedOutcome `json:"verified,omitempty"`
	Degraded bool              `json:"degraded,omitempty"` // a required volume is missing and may be
	Took     time.Duration     `json:"took_ns"`
}

// VerifiedOutcome is what came of an image that dm-verity was to map.
type VerifiedOutcome struct {
	_ [0]func() // no comparison is made of it

	Name     string `json:"name"`
	State    State  `json:"state"`
	Node     string `json:"node,omitempty"` // of the mapping
	Required bool   `json:"required"`
	Reason   string `json:"reason,omitempty"` // why it is not mapped
}

// Target is the volume that a source is to find a key for.
type Target struct {
	plan.Volume
	Node   string       // of the data device
	Header string       // path of the header
	LUKS   *luks.Volume // nil for plain volumes
	// Find waits for another device.
	Find func(ctx context.Context, r plan.Reference) (node string, err error) `json:"-"`
}
