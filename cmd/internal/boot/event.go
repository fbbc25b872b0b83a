// SPDX-License-Identifier: Apache-2.0

package boot

import "fmt"

// Kind is what happened.
type Kind string

// The kinds of event.
const (
	Note          Kind = "note"           // Text says it
	Waiting       Kind = "waiting"        // for the device, which is not there yet, or with Err is not the only one
	Found         Kind = "found"          // the device
	Repaired      Kind = "repaired"       // a damaged header copy
	HeaderAtRisk  Kind = "header at risk" // one of two copies is damaged and stays so
	FarHeader     Kind = "far header"     // is what is left of the header; Text is where. With Err it is not used
	KeyslotsShort Kind = "keyslots short" // some keyslots need more memory than there is
	KeyslotsNull  Kind = "keyslots null"  // some keyslots are not used, since their cipher hides nothing
	SourceFailed  Kind = "source failed"  // one way to a key; others go on
	WrongKey      Kind = "wrong key"      // of a source that is no person
	WrongAnswer   Kind = "wrong answer"   // of a person
	Unlocked      Kind = "unlocked"
	GaveUp        Kind = "gave up" // on a volume
	Grew          Kind = "grew"    // the volume, with its device; Text is its size in bytes
	GrowFailed    Kind = "grow failed"
	KeptFailed    Kind = "kept failed" // a passphrase or key that was to be kept in a keyring
)

// Event is something that people may want to know.
type Event struct {
	Kind    Kind
	Volume  string // name of the mapping, or empty
	Source  string // of the key, or empty
	Text    string
	Node    string // FarHeader: of the device that it is on
	Left    int    // WrongAnswer: tries left
	Damaged []int  // WrongAnswer: keyslots that no passphrase can open
	Err     error
}

// String is the event in plain words; commands have better ones for errors.
func (e Event) String() string {
	text := string(e.Kind)
	if e.Volume != "" {
		text = e.Volume + ": " + text
	}
	for _, more := range []string{e.Source, e.Text} {
		if more != "" {
			text += ": " + more
		}
	}
	if e.Err != nil {
		text += fmt.Sprintf(": %v", e.Err)
	}
	return text
}
