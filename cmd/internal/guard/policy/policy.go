// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"path"
	"strings"
	"time"
)

// DefaultPath is where the configuration is.
const DefaultPath = "/etc/orthrus/guard.conf"

// Repair says how far the guard may mend.
type Repair string

// The values of repair.
const (
	RepairOff      Repair = "off"      // observe and report
	RepairRehearse Repair = "rehearse" // prove and prepare as with proven, and count instead of writing
	RepairProven   Repair = "proven"   // mend what can be proven
)

// Store says what is kept of each volume that was seen in order.
type Store string

// The values of store.
const (
	StoreOff   Store = "off"
	StoreHeads Store = "heads" // both heads, and sums of the keyslot areas: no key material
	StoreFull  Store = "full"  // the keyslot areas as well: key material, under its passphrases
)

// Policy is what holds for one device.
type Policy struct {
	Repair    Repair
	Grow      bool // follow a device that became larger
	Removable bool // repair and grow removable media too
	Store     Store
	Key       bool // keep a logon key of the mapping, by which the guard can enlarge it
	Ignore    bool // do not look at the device at all
}

// Log says where the guard writes what happens.
type Log string

// The values of log.
const (
	LogAuto    Log = "auto" // journal where the journal reads standard error, else text
	LogText    Log = "text"
	LogJSON    Log = "json"
	LogJournal Log = "journal"
)

// Config is a configuration.
type Config struct {
	Default Policy
	Rules   []Rule
	Images  []string // patterns of image files that are guarded beside the block devices

	Log     Log
	Level   string        // debug, info, warn, error
	Metrics string        // file of node-exporter's textfile collector, "" for none
	Settle  time.Duration // quiet time after an event before the device is looked at
	Workers int           // devices looked at at once
}

// Rule is a section: what it sets for the devices that its head selects.
type Rule struct {
	Kind    string // "uuid", "path" or "transport"
	Pattern string
	set     []func(*Policy)
}

// Default observes and reports.
func Default() Config {
	return Config{
		Default: Policy{Repair: RepairOff, Store: StoreHeads},
		Log:     LogAuto, Level: "info", Settle: 200 * time.Millisecond, Workers: 2,
	}
}

// Subject is what sections select by.
type Subject struct {
	UUID      string   // of the volume, "" where nothing tells
	Paths     []string // the node and the links to it
	Transport string   // "usb", "sata", "nvme", "virtio", …
}

// For is the policy for a device.
func (c Config) For(s Subject) Policy {
	p := c.Default
	for _, r := range c.Rules {
		if r.selects(s) {
			for _, set := range r.set {
				set(&p)
			}
		}
	}
	return p
}

func (r Rule) selects(s Subject) bool {
	switch r.Kind {
	case "uuid":
		return s.UUID != "" && strings.EqualFold(r.Pattern, s.UUID)
	case "transport":
		return r.Pattern == s.Transport
	}
	for _, p := range s.Paths {
		if match, _ := path.Match(r.Pattern, p); match {
			return true
		}
	}
	return false
}
