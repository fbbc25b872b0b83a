// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// Action is what one step does.
type Action int

// The actions.
const (
	Rest     Action = iota // nothing is to be done, or nothing that was asked for
	Settle                 // make both heads equal
	Protect                // record zones in another way
	Upgrade                // add the digest that runs of version 1 lack
	TakeBack               // call the zone old again: its data were never written
	Recover                // write what is missing of the zone, then call it new
	Accept                 // call the zone new: all of it is
	Conclude               // take the run out of the heads
	Announce               // record the next zone, and call it hot
)

// Target is a volume with its devices.
type Target struct {
	Header header.Device
	Data   header.Device // may be the same
	UUID   string
	Block  uint64 // what the data device writes as one, bytes
}

func (t Target) size() uint64 { return uint64(max(t.Data.Size(), 0)) }

// Options say what is known and wanted.
type Options struct {
	Keys reencrypt.Keys
	// Resume goes on after the zone that is hot; otherwise a run between two steps is left there.
	Resume bool
	// Trust lets a run of version 1 through, whose metadata nobody vouches for.
	Trust bool
	// Resilience is how zones are to be recorded from now on, "checksum" or "journal"; "" for as they are. That it is
	// given lets a run without any go on: somebody knows that it was stopped by hand.
	Resilience, Hash string
	// Force lets a damaged head be overwritten beside a foreign signature, as in commit.Options.
	Force bool
	// Tell is told each step before it begins, with what is known then; nil for silence.
	Tell func(Plan)
}

// Plan is one step.
type Plan struct {
	Verdict reencrypt.Verdict
	Action  Action
	Zone    extent.Extent // of the data, bytes: where Action is about one
	Last    bool          // the commit takes the run out of the heads
	Finding *reencrypt.Finding
	Samples *reencrypt.Senses
	settles bool // the heads are made equal first
	vouched *reencrypt.Run
}

// ErrVersion1 refuses metadata that no digest vouches for.
var ErrVersion1 = errors.New("nothing authenticates the metadata of this reencryption")

// ErrMayHaveCrashed refuses to go on with a run that records no progress.
var ErrMayHaveCrashed = errors.New("the reencryption runs without resilience, and nobody can see whether it crashed; " +
	"going on would destroy what it did since it last recorded its progress")

// DoubtError says that nothing tells what the zone is, and how it reads under either key.
type DoubtError struct {
	Finding reencrypt.Finding
	Reason  string
}

func (e *DoubtError) Error() string {
	return fmt.Sprintf("%v: %s; none of its %d units goes with the record, and %d pieces of 512 bytes make sense "+
		"under the new key only, %d under the old one only", reencrypt.ErrUnknowable, e.Reason, e.Finding.Units,
		e.Finding.Senses.New, e.Finding.Senses.Old)
}

func (e *DoubtError) Unwrap() error { return reencrypt.ErrUnknowable }

// Look decides on the next step. It writes nothing. vouched is a run whose metadata were verified before; nil for
// none. Errors: reencrypt.ErrForeign, ErrKey, ErrDigest, ErrUnknowable, ErrVersion1, ErrMayHaveCrashed,
// a fault.GeometryError, those of reading.
func Look(ctx context.Context, t Target, o Options, heads header.Heads, choice header.Choice, vouched *reencrypt.Run,
) (Plan, error) {
	p := Plan{Verdict: reencrypt.Judge(heads, choice), settles: !choice.Healthy(), vouched: vouched}
	var err error
	switch p.Verdict.State {
	case reencrypt.None:
		p.settle()
	case reencrypt.Foreign:
		err = p.foreign(o)
	case reencrypt.Concluded:
		err = p.conclude(ctx, t, o)
	case reencrypt.Hot:
		err = p.hot(ctx, t, o)
	default:
		err = p.clean(ctx, t, o)
	}
	return p, err
}

// settle: the newest head came after all that the older one tells of.
func (p *Plan) settle() {
	if p.settles {
		p.Action = Settle
	}
}

func (p *Plan) foreign(o Options) error {
	if p.Verdict.Step != reencrypt.Confirm {
		return &reencrypt.ForeignError{Field: "reencryption", Why: p.Verdict.Reason}
	}
	if !o.Trust {
		return ErrVersion1
	}
	p.Action = Upgrade
	return nil
}

// verify holds both keys and the metadata against their digests, once for a run.
func (p *Plan) verify(ctx context.Context, o Options) error {
	run := p.Verdict.Run
	if p.vouched != nil && p.vouched.Same(run) {
		return nil
	}
	if err := run.Verify(ctx, o.Keys); err != nil {
		return err
	}
	p.vouched = run
	return nil
}

// conclude needs the new key alone; where the old one is at hand too, the data must not contradict.
func (p *Plan) conclude(ctx context.Context, t Target, o Options) error {
	run := p.Verdict.Run
	if err := run.VerifyNew(ctx, o.Keys.New); err != nil {
		return err
	}
	if old, _ := run.Lacks(o.Keys); !old {
		if err := p.verify(ctx, o); err != nil {
			return err
		}
	}
	found, err := run.Sample(t.Data, t.size(), o.Keys)
	if err == nil && run.New.Key == nil && o.Keys.Old == nil && len(run.Old.Key.Keyslots) > 0 && found.New == 0 {
		return fmt.Errorf("old key: %w", reencrypt.ErrKey) // nothing shows that the data are plain
	}
	p.Action, p.Last, p.Samples = Conclude, true, &found
	return err
}

func (p *Plan) clean(ctx context.Context, t Target, o Options) error {
	if err := p.verify(ctx, o); err != nil {
		return err
	}
	p.settle()
	run := p.Verdict.Run
	if p.Action == Settle || !o.Resume {
		return nil
	}
	switch {
	case o.Resilience != "" && o.Resilience != run.Area.Type:
		p.Action = Protect
		return nil
	case run.Area.Type == "none":
		return ErrMayHaveCrashed
	}
	zone, err := run.NextZone(t.size(), t.Block)
	p.Action, p.Zone = Announce, zone
	return err
}

// hot decides by the heads, the record and the data together.
func (p *Plan) hot(ctx context.Context, t Target, o Options) error {
	run := p.Verdict.Run
	hot := run.Hot()
	p.Zone, p.Last = extent.Extent{Offset: hot.Start, Size: hot.Size}, !run.Left()
	if old, _ := run.Lacks(o.Keys); old {
		return p.withoutOld(ctx, t, o)
	}
	if err := p.verify(ctx, o); err != nil {
		return err
	}
	if _, err := run.Pieces(t.size()); err != nil {
		return err
	}
	m, err := run.Mender(t.Header, t.Data, o.Keys)
	if err != nil {
		return err
	}
	defer m.Close()
	found, err := m.Look()
	if err != nil {
		return err
	}
	p.Finding = &found
	return p.byFinding(run.ByRecord(hot.Start))
}

// byFinding: the rules R1 to R3. That a unit goes with the record proves more than the heads do.
func (p *Plan) byFinding(record bool) error {
	v, f := p.Verdict, p.Finding
	never := v.Heads == reencrypt.NotWritten
	switch {
	case record && f.Proven() && (f.Begun() || !never):
		p.Action = Recover
	case never:
		p.Action, p.Last = TakeBack, false
	case !record && v.Step == reencrypt.Recover:
		p.Action = Recover
	case !record:
		return fmt.Errorf("%w: %s", reencrypt.ErrUnknowable, v.Reason)
	case f.Senses.New > 0 && f.Senses.Old == 0:
		p.Action = Accept
	case f.Senses.Old > 0 && f.Senses.New == 0:
		p.Action, p.Last = TakeBack, false
	default:
		return &DoubtError{*f, v.Reason}
	}
	return nil
}

// withoutOld: rule R4. Nothing is left but this zone, no unit of it is as it was, and it makes sense as it is.
func (p *Plan) withoutOld(ctx context.Context, t Target, o Options) error {
	run := p.Verdict.Run
	if err := run.VerifyNew(ctx, o.Keys.New); err != nil {
		return err
	}
	none := fmt.Errorf("old key: %w", reencrypt.ErrKey)
	if run.Left() || !run.ByRecord(p.Zone.Offset) || p.Verdict.Heads != reencrypt.Settled {
		return none
	}
	count, err := run.Weigh(t.Header, t.Data)
	if err != nil || count.Old > 0 {
		return errors.Join(none, err)
	}
	sense, err := run.SenseOfNew(t.Data, o.Keys)
	if err != nil || sense == 0 {
		return errors.Join(none, err)
	}
	p.Action, p.Samples = Accept, &reencrypt.Senses{New: sense}
	return nil
}
