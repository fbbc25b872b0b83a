// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
)

// Plan is what a boot has to unlock.
type Plan struct {
	Volumes  []Volume
	Verified []Verified `json:",omitempty"` // once the volumes are open
	Notes    []string   // what was passed over, for people
	Unknown  []string   `json:",omitempty"` // names that were asked for and that nothing is known of
	Policy   Policy
	Keymap   string   `json:",omitempty"` // named on the command line
	Consoles []string `json:",omitempty"` // of the kernel, names in /dev
	Initrd   bool     `json:",omitempty"` // made for an initial file system
	Disabled bool     `json:",omitempty"` // the command line says that nothing is to be unlocked
}

// Volume is one volume to unlock.
type Volume struct {
	Name    string
	From    string    // "crypttab line 3", "rd.luks.uuid"
	Device  Reference // of the data
	Header  Place     `json:",omitzero"` // where it is detached
	Key     Key       `json:",omitzero"`
	Options crypttab.Options
	Written string `json:",omitempty"` // the options as the crypttab has them
	// Also are other names that it was asked for by; it gets one mapping, under Name.
	Also []string `json:",omitempty"`
	// Unnamed: the name is only "luks-" and the beginning of a uuid, to be completed once it is found.
	Unnamed  bool `json:",omitempty"`
	Root     bool `json:",omitempty"` // the root file system lies on it
	Required bool // the boot does not go on without it
}

// Place is a file, on a device that may show up late; or a device alone; or nowhere.
type Place struct {
	Path       string    `json:",omitempty"`
	Device     Reference `json:",omitzero"`
	FileSystem string    `json:",omitempty"`
}

// IsZero tells that there is no such place.
func (p Place) IsZero() bool { return p.Path == "" && p.Device.IsZero() }

// String writes the place as a crypttab does.
func (p Place) String() string {
	switch {
	case p.Path == "":
		return p.Device.String()
	case p.Device.IsZero():
		return p.Path
	}
	return p.Path + " on " + p.Device.String()
}

// Policy is what happens when things are not as they should be.
type Policy struct {
	OnFailure     Ending
	Twins         Twins
	Ciphers       []string      // allowed, see AllowedCipher; nil for sector.BootPatterns
	DeviceTimeout time.Duration // how long required devices are waited for; 0 without end
	KeyTimeout    time.Duration // how long key devices are waited for; 0 without end
	Tries         int           // passphrases for one volume
	Degraded      bool          // goes on without required volumes that stay away, the root excepted
}

// Ending is what becomes of a boot that cannot go on.
type Ending string

// The endings. None of them is a shell.
const (
	Exit   Ending = "exit" // the caller is told
	Retry  Ending = "retry"
	Reboot Ending = "reboot"
	Halt   Ending = "halt"
)

// Twins says what to do when several devices have the uuid or label that was asked for.
type Twins string

// The ways with twins.
const (
	RefuseTwins Twins = "refuse" // none is used while there are several
	FirstTwin   Twins = "first"  // the one whose kernel name comes first
)

// Defaults of a Policy.
const (
	DefaultDeviceTimeout = 90 * time.Second
	DefaultTries         = 3
)
