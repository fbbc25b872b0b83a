// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"io"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// Device is what operations work on.
type Device interface {
	io.ReaderAt
	io.WriterAt
	Sync() error
	Size() int64 // bytes
}

// Operation is a change to a volume, with the means to judge every state in which it may be left.
type Operation struct {
	Name string
	// Setup makes the volume before the operation.
	Setup func() (*disk.Image, error)
	// Run carries it out. Two runs make the same calls; the bytes they write may differ in what
	// they draw at random.
	Run func(dev Device) error
	// Check judges a state.
	Check func(Case) Verdict
	// Recover is what puts a volume in order after a crash; nil where nothing does.
	Recover func(dev Device) error
	// Seen is what Recover reads, if it reads a part of the device only. While it keeps to that, it
	// is tried once on images that are equal there.
	Seen []disk.Range
	// Owned are the ranges that Run and Recover may write.
	Owned []disk.Range
	// Copies are ranges with equal contents, of which one is enough.
	Copies []disk.Range
	// Before are those of them that Setup leaves; nil for all.
	Before []disk.Range
	// Areas are ranges of which there is no second copy, each with a key in it.
	Areas []disk.Range
	// Unequal tells that Setup leaves one good copy only: what strikes that one is a second fault.
	Unequal bool
	// Again tells that to run it once more, on whatever an error left, ends as running it once does, or is
	// refused.
	Again bool
	// Lone tells that the format has one header without a checksum: LUKS1.
	Lone bool
	// Sizes, in bytes and at most the image's capacity, are what the device may come to have while or
	// after the operation runs.
	Sizes []int64
	// Traits are what figures of drawn volumes are told by, and Geometry describes the one at hand.
	Traits   []string
	Geometry string
	// Dear is how many times as long as of other operations an image takes, where that is much longer. So
	// much fewer images of it are tried, unless Config.Dear asks for all.
	Dear int
}

// share is the operation's share of the images, beside 1 of one that is not dear.
func (op Operation) share() float64 { return 1 / float64(max(op.Dear, 1)) }

// Case is a state to be judged.
type Case struct {
	Image *disk.Image
	// Acknowledged tells that the operation had returned without an error.
	Acknowledged bool
	// Hit lists the ranges whose contents a fault changed behind the operation's back. What has no
	// second copy and lies there may be lost.
	Hit []disk.Range
	// Rotted are ranges that had gone bad before the operation, each with a good copy: that excuses no
	// loss.
	Rotted []disk.Range
}

// Excusable tells that a verdict is a loss which the faults explain.
func (o Outcome) Excusable() bool { return o == Keyslot || o == NoCopy || o == Lied }

// Damaged tells whether a fault struck the range.
func (c Case) Damaged(r disk.Range) bool {
	for _, hit := range c.Hit {
		if hit.Overlaps(r) {
			return true
		}
	}
	return false
}

// Outcome says what a state amounts to.
type Outcome int

// The outcomes.
const (
	Old     Outcome = iota // as before the operation
	New                    // as after it
	Between                // on the way: what opened before and what opens after both open, or nothing stands yet
	Keyslot                // a key is lost: a fault struck its keyslot area, of which there is one only
	NoCopy                 // the header is lost: faults struck every copy there was
	Lied                   // something is lost: the drive showed on reads what it had not written
	Broken                 // an invariant does not hold: lost
)

// String names the outcome.
func (o Outcome) String() string {
	return [...]string{"old", "new", "between", "keyslot struck", "no copy left", "drive lied", "LOST"}[o]
}

// Verdict is the judgement of a state.
type Verdict struct {
	Outcome Outcome
	Reason  string // of Keyslot and those that follow
}
