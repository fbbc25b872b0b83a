// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/luks/reencrypt/run"
)

// say prints a line.
type say func(format string, args ...any)

// tellPieces says of each piece of the data which key it is under.
func tellPieces(say say, p run.Plan, device uint64) {
	if p.Verdict.Run == nil {
		return
	}
	pieces, err := p.Verdict.Run.Pieces(device)
	if err != nil {
		return
	}
	for _, one := range pieces {
		say("data, bytes %d to %d: %s, at byte %d of the device", one.Start, one.Start+one.Size-1,
			under(p.Verdict.Run, one.Side), one.Offset)
	}
}

// under says what data of a side are under.
func under(r *reencrypt.Run, s reencrypt.Side) string {
	end := r.Old
	switch s {
	case reencrypt.Between:
		return "hot, under either key"
	case reencrypt.New:
		end = r.New
	}
	if end.Key == nil {
		return s.String() + ", plain"
	}
	return fmt.Sprintf("%v, under the %v key", s, s)
}

// tellStep says what was found, and what is done about it.
func tellStep(say say, p run.Plan) {
	if f := p.Finding; f != nil {
		say("hot zone: %d units: %d old, %d new, %d torn, %d that do not go with the record", f.Units, f.Old, f.New,
			f.Torn, f.Odd)
		if f.Odd > 0 {
			say("of those %d pieces of 512 bytes make sense under the new key only, %d under the old one only",
				f.Senses.New, f.Senses.Old)
		}
	}
	if s := p.Samples; s != nil {
		say("samples: %d pieces of 512 bytes make sense under the new key only, %d under the old one only", s.New,
			s.Old)
	}
	for _, line := range deeds(p) {
		say("%s", line)
	}
}

// deeds are the writes of a step, in words.
func deeds(p run.Plan) []string {
	zone := fmt.Sprintf("bytes %d to %d of the data", p.Zone.Offset, p.Zone.Offset+p.Zone.Size-1)
	commit := "commit: " + zone + " are new"
	if p.Last {
		commit = "commit: the run and the old keyslots are taken out of both heads; then overwrite their areas"
	}
	switch p.Action {
	case run.Settle:
		return []string{"commit: both heads as the newest one"}
	case run.Protect:
		return []string{"commit: zones are recorded in another way"}
	case run.Upgrade:
		return []string{"commit: a digest over the metadata of the reencryption"}
	case run.TakeBack:
		return []string{"commit: " + zone + " are old, as they always were"}
	case run.Recover:
		return []string{"write what is missing of " + zone, commit}
	case run.Accept, run.Conclude:
		return []string{commit}
	case run.Announce:
		return []string{
			"record " + zone + " in the resilience area", "commit: the zone is hot",
			"write the zone", "commit: the zone is new",
		}
	}
	return []string{"nothing is to be written"}
}

// midwayError puts a refusal into words.
func midwayError(path string, err error) error {
	told := func(code ui.ExitCode, format string, args ...any) error {
		return &verb.Notice{Text: fmt.Sprintf(format, args...), Code: code, Err: err}
	}
	switch {
	case errors.Is(err, run.ErrVersion1):
		return told(ui.Failed, "Device %s: %v. Run repair first, which asks, and protects them.", path, err)
	case errors.Is(err, reencrypt.ErrDigest), errors.Is(err, reencrypt.ErrKey):
		return told(ui.Denied, "Device %s: %v. Nothing was changed.", path, err)
	case errors.Is(err, run.ErrMayHaveCrashed):
		return told(ui.Failed, "Device %s: %v. Nothing was changed. If you know that it was stopped by hand, "+
			"give it a resilience with --resilience checksum.", path, err)
	case errors.Is(err, reencrypt.ErrForeign), errors.Is(err, reencrypt.ErrUnknowable),
		errors.Is(err, header.ErrForeign):
		return told(ui.Failed, "Device %s: %v. Nothing was changed.", path, err)
	}
	return verb.DeviceError(path, err)
}
