// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"cmp"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/header"
)

// MaxLinks bounds a chain; the oldest links go first.
const MaxLinks = 64

// Link is a state that was seen in order, with nobody else bearing the UUID.
type Link struct {
	Mark
	Time   string `json:"time"`   // RFC 3339
	Device string `json:"device"` // a name of the hardware that lasts: see Guard
}

// Chain is the way of one volume as it was seen. The zero value has seen nothing.
type Chain struct {
	Links []Link `json:"links"` // the last is the tip
	Fork  *Fork  `json:"fork,omitempty"`
	// Ended tells what was seen since, by which somebody made an end of the volume: "" for nothing.
	Ended string `json:"ended,omitempty"`
	// Passed tells of a later state that was seen and is not kept: "" for none. What is kept is not to come back then.
	Passed string `json:"passed,omitempty"`
	// Where is the device on which that was seen; what is seen on another one takes nothing of it back.
	Where string `json:"where,omitempty"`
	// Overruled is the state in the far header that is newer than the one a person has said counts; nil for none.
	Overruled *Mark `json:"overruled,omitempty"`
	// Settled: a person has said since that a state under another UUID counts. The tip outdates nothing elsewhere then.
	Settled bool `json:"settled,omitempty"`
}

// UnderWay is what Ended tells of a reencryption whose state was not in order: what is kept is from before it.
const UnderWay = "a reencryption under way"

// Reencrypted tells whether the volume was being reencrypted when it was seen last.
func (c Chain) Reencrypted() bool {
	tip, seen := c.Tip()
	return seen && tip.Reencrypt || c.Ended == UnderWay
}

// Elsewhere: the fork is another volume, seen on another device than the volume itself. It tells nothing of what lies
// on the volume's own.
func (c Chain) Elsewhere() bool {
	tip, _ := c.Tip()
	return c.Fork != nil && c.Fork.Relation == Stranger && c.Fork.Device != tip.Device
}

// Since tells what was seen after the state that is kept, "" for nothing.
func (c Chain) Since() string {
	switch {
	case c.Reencrypted():
		return UnderWay
	case c.Fork != nil && !c.Elsewhere():
		return fmt.Sprintf("another state, with seqid %d", c.Fork.SeqID)
	}
	return cmp.Or(c.Ended, c.Passed)
}

// Fork is the state seen last where that was not the tip, nor follows it.
type Fork struct {
	Link
	Relation Relation `json:"relation"`
}

// Relation is how a state stands to a chain.
type Relation string

// The relations.
const (
	Unknown  Relation = "unknown"
	Same     Relation = "same"
	Newer    Relation = "newer"
	Older    Relation = "older"
	Forked   Relation = "forked"
	Stranger Relation = "stranger"
)

// Continues tells whether the state is the chain's tip, follows it, or begins a chain.
func (r Relation) Continues() bool { return r == Unknown || r == Same || r == Newer }

// Tip is the last state that continued the chain; false where nothing was seen.
func (c Chain) Tip() (Link, bool) {
	if len(c.Links) == 0 {
		return Link{}, false
	}
	return c.Links[len(c.Links)-1], true
}

// Relate compares a state with the chain.
func (c Chain) Relate(m Mark) Relation {
	tip, seen := c.Tip()
	switch {
	case !seen:
		return Unknown
	case !SameVolume(tip.Mark, m):
		return Stranger
	case sameState(tip.Mark, m):
		return Same
	case c.Fork != nil && sameState(c.Fork.Mark, m):
		return c.Fork.Relation
	case c.Fork != nil && !c.Elsewhere():
		return Forked
	case m.Version == 1 || tip.Version == 1:
		return c.relateUnnumbered(m)
	case m.SeqID == tip.SeqID:
		return Forked
	case header.Newer(m.SeqID, tip.SeqID):
		return Newer
	}
	return Older
}

func (c Chain) relateUnnumbered(m Mark) Relation {
	for _, l := range c.Links {
		if sameState(l.Mark, m) {
			return Older
		}
	}
	return Newer
}

// See is the chain after a state was seen. What does not continue it is kept as its fork, and takes
// nothing away.
func (c Chain) See(m Mark, time, device string) Chain {
	link := Link{m, time, device}
	next := c
	next.Links = append([]Link{}, c.Links...)
	r := c.Relate(m)
	if tip, _ := c.Tip(); r == Same && c.Fork != nil && device != c.Fork.Device && device != tip.Device {
		return next // a clone: what lies where the fork was seen is not back
	}
	if r.Continues() && (c.Where == "" || c.Where == device) {
		next.Ended, next.Passed, next.Where = "", "", ""
	}
	switch r {
	case Unknown, Newer:
		next.Fork, next.Settled = nil, false
		next.Links = append(next.Links, link)
		next.Links = next.Links[max(0, len(next.Links)-MaxLinks):]
	case Same:
		next.Fork = nil
		tip := &next.Links[len(next.Links)-1]
		tip.Device = device
	default:
		next.Fork = &Fork{link, r}
	}
	return next
}

// Accept is the chain after a person has said that the state is the one that counts. One of the same
// volume key becomes the tip; a stranger begins a chain of its own.
func (c Chain) Accept(m Mark, time, device string) Chain {
	next := Chain{Links: []Link{{m, time, device}}}
	if tip, seen := c.Tip(); seen && SameVolume(tip.Mark, m) {
		next.Links = append(append([]Link{}, c.Links...), next.Links...)
		next.Links = next.Links[max(0, len(next.Links)-MaxLinks):]
	}
	return next
}

// Overrules tells whether a person knew of that state in the far header, and said that an older one counts.
func (c Chain) Overrules(m Mark) bool { return c.Overruled != nil && SameState(*c.Overruled, m) }

// Equal tells whether both tell the same, whenever and wherever it was seen.
func (c Chain) Equal(o Chain) bool {
	if len(c.Links) != len(o.Links) || c.Where != o.Where ||
		c.Ended != o.Ended || c.Passed != o.Passed || (c.Fork == nil) != (o.Fork == nil) ||
		c.Settled != o.Settled || (c.Overruled == nil) != (o.Overruled == nil) {
		return false
	}
	for i := range c.Links {
		if !sameState(c.Links[i].Mark, o.Links[i].Mark) || c.Links[i].Device != o.Links[i].Device {
			return false
		}
	}
	if c.Overruled != nil && !SameState(*c.Overruled, *o.Overruled) {
		return false
	}
	return c.Fork == nil || sameState(c.Fork.Mark, o.Fork.Mark) && c.Fork.Device == o.Fork.Device
}
