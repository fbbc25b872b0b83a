// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"cmp"
	"slices"
	"strconv"
	"strings"
	"time"
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

// Log says where the guard writes what happens.
type Log string

// The values of log.
const (
	LogAuto    Log = "auto" // journal where the journal reads standard error, else text
	LogText    Log = "text"
	LogJSON    Log = "json"
	LogJournal Log = "journal"
)

// Setting is a line that a file may have. The parser, the defaults, the manual and the sample are made of these.
type Setting struct {
	Name    string
	Values  Values
	Default string // "" for nothing
	About   string // sentences

	ofDevice func(p *Policy, value string) // takes over a value that fits
	ofGuard  func(c *Config, value string)
}

// OfGuard tells whether it concerns the guard itself instead of devices.
func (s Setting) OfGuard() bool { return s.ofGuard != nil }

// Values are those that a setting takes: a few words, or what fits.
type Values struct {
	words       []string
	form, means string
	fit         func(value string) bool
}

// Form is how the manual has it: "off | proven", "TIME".
func (v Values) Form() string { return cmp.Or(v.form, strings.Join(v.words, " | ")) }

// Means is how messages have it: "off or proven", "a time up to 1m, such as 200ms".
func (v Values) Means() string {
	if v.fit != nil {
		return v.means
	}
	last := len(v.words) - 1
	return strings.Join(v.words[:last], ", ") + " or " + v.words[last]
}

func (v Values) fits(value string) bool {
	if v.fit != nil {
		return v.fit(value)
	}
	return slices.Contains(v.words, value)
}

var yesOrNo = Values{words: []string{"yes", "no"}}

// Settings are all of them: those of devices, then those of the guard itself.
func Settings() []Setting { return settings }

// settings are laid out by the compiler: nothing runs for them at start.
var settings = []Setting{
	{
		Name: "repair", Default: string(RepairOff),
		Values:   Values{words: []string{string(RepairOff), string(RepairRehearse), string(RepairProven)}},
		ofDevice: func(p *Policy, v string) { p.Repair = Repair(v) },
		About: "With proven the guard puts back what can be proven to be right, concludes an unfinished transaction, " +
			"and brings a far header into step. With rehearse it proves and prepares the same, writes nothing, and " +
			"counts what it would have done in guard status, in the metrics and in the log.",
	},
	{
		Name: "grow", Values: yesOrNo, Default: "no",
		ofDevice: func(p *Policy, v string) { p.Grow = v == "yes" },
		About:    "Follow a device that became larger, and make its mapping longer if a key is at hand.",
	},
	{
		Name: "store", Default: string(StoreHeads),
		Values:   Values{words: []string{string(StoreHeads), string(StoreFull), string(StoreOff)}},
		ofDevice: func(p *Policy, v string) { p.Store = Store(v) },
		About: "What is kept of a volume that was seen in order, below /var/lib/orthrus/guard, for root alone: " +
			"both header copies and sums of the keyslot areas, or these areas too. They are key material: " +
			"who has them and an old passphrase opens the volume. The last eight states of a volume are " +
			"kept, and at most 64 MiB; 2048 volumes, and 512 MiB in all; of the volumes that one " +
			"device bore after another, four. When a keyslot is removed or changed, in a newer " +
			"state of the same volume key on the same device, what was kept before is overwritten. What would lie " +
			"on the volume itself is kept in /run/orthrus until the next boot, without keyslot areas.",
	},
	{
		Name: "key", Values: yesOrNo, Default: "no",
		ofDevice: func(p *Policy, v string) { p.Key = v == "yes" },
		About:    "Have open keep a kernel key for the guard, as with --link-for-guard.",
	},
	{
		Name: "removable", Values: yesOrNo, Default: "no",
		ofDevice: func(p *Policy, v string) { p.Removable = v == "yes" },
		About:    "Repair and grow removable media, USB disks and memory cards too.",
	},
	{
		Name: "ignore", Values: yesOrNo, Default: "no",
		ofDevice: func(p *Policy, v string) { p.Ignore = v == "yes" },
		About:    "Do not look at the device.",
	},
	{
		Name: "images", Values: Values{form: "PATTERN", means: "a pattern of absolute paths", fit: validPattern},
		ofGuard: func(c *Config, v string) { c.Images = append(c.Images, v) },
		About:   "Image files to be guarded beside the block devices. May be given more than once.",
	},
	{
		Name: "log", Default: string(LogAuto),
		Values:  Values{words: []string{string(LogAuto), string(LogText), string(LogJSON), string(LogJournal)}},
		ofGuard: func(c *Config, v string) { c.Log = Log(v) },
		About: "Where messages go: the journal, or standard error as text or JSON. auto takes the journal where " +
			"standard error leads to it.",
	},
	{
		Name: "level", Values: Values{words: []string{"debug", "info", "warn", "error"}}, Default: "info",
		ofGuard: func(c *Config, v string) { c.Level = v },
		About:   "How much is said.",
	},
	{
		Name: "metrics", Values: Values{form: "FILE", means: "an absolute path", fit: absolute},
		ofGuard: func(c *Config, v string) { c.Metrics = v },
		About:   "File for node-exporter's textfile collector, kept up to date.",
	},
	{
		Name: "settle", Default: "200ms",
		Values:  Values{form: "TIME", means: "a time up to 1m, such as 200ms", fit: quiet},
		ofGuard: func(c *Config, v string) { c.Settle, _ = time.ParseDuration(v) },
		About: "How long a device must be quiet before it is looked at; after a second of events it is looked at " +
			"anyway.",
	},
	{
		Name: "workers", Values: Values{form: "NUMBER", means: "a number from 1 to 64", fit: fewThreads}, Default: "2",
		ofGuard: func(c *Config, v string) { c.Workers, _ = strconv.Atoi(v) },
		About:   "Devices looked at at once.",
	},
}

func absolute(v string) bool { return strings.HasPrefix(v, "/") }

func quiet(v string) bool {
	d, err := time.ParseDuration(v)
	return err == nil && d >= 0 && d <= time.Minute
}

func fewThreads(v string) bool {
	n, err := strconv.Atoi(v)
	return err == nil && n >= 1 && n <= 64
}
