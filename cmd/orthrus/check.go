// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// The exit codes of check beyond those of other verbs.
const (
	healable ui.ExitCode = 6 // a copy or keyslot is damaged, the volume still opens
	lost     ui.ExitCode = 7 // no valid header is left
)

// checkReport is the report of check --json.
type checkReport struct {
	Device          string       `json:"device"`
	Version         int          `json:"version"`
	UUID            string       `json:"uuid,omitempty"`
	Reason          string       `json:"chosen_because,omitempty"`
	Copies          []copyReport `json:"copies,omitempty"`
	DamagedKeyslots []int        `json:"damaged_keyslots"`
	Foreign         string       `json:"foreign_signature,omitempty"`
	Verdict         string       `json:"verdict"`
}

type copyReport struct {
	Place  string `json:"place"`
	Offset uint64 `json:"offset"`
	State  string `json:"state"`
	SeqID  uint64 `json:"seqid"`
	Why    string `json:"why,omitempty"`
}

// check reports on both heads and the keyslots, changing nothing.
func check(ctx context.Context, c *command) error {
	v, err := c.load(ctx, report)
	var none *header.NoHeaderError
	if err != nil && !errors.As(err, &none) {
		return err
	}
	r := checkReport{Device: c.Args[0], DamagedKeyslots: []int{}, Verdict: "lost"}
	code := lost
	if none != nil {
		r.Version, r.Copies = 2, copyReports(none.Heads)
	} else {
		defer v.Close()
		code = r.judge(v)
	}
	if c.o.JSON {
		err = c.printJSON(r)
	} else {
		err = c.printCheck(r)
	}
	if err == nil && code != ui.OK {
		err = silent(code)
	}
	return err
}

// judge fills in what a volume that loads shows.
func (r *checkReport) judge(v *volume) ui.ExitCode {
	r.Version, r.UUID, r.Verdict = v.Version, v.UUID, "healthy"
	if v.Version == 2 {
		r.Reason, r.Copies = v.Choice.Reason.String(), copyReports(v.Heads)
	}
	r.DamagedKeyslots = append(r.DamagedKeyslots, v.DamagedKeyslots()...)
	if err := v.Foreign(); err != nil {
		r.Foreign = err.Error()
	}
	if v.Version == 2 && !v.Choice.Healthy() || len(r.DamagedKeyslots) > 0 {
		r.Verdict = "healable"
		return healable
	}
	return ui.OK
}

func copyReports(h header.Heads) []copyReport {
	var reports []copyReport
	for _, f := range []header.Found{h.Primary, h.Secondary} {
		one := copyReport{Place: f.Place.String(), Offset: f.Offset, State: f.State.String(), SeqID: f.Copy.Header.SeqID}
		if f.Err != nil {
			one.Why = f.Err.Error()
		}
		reports = append(reports, one)
	}
	return reports
}

func (c *command) printCheck(r checkReport) error {
	c.ui.Printf("%s: LUKS%d %s, %s", r.Device, r.Version, r.UUID, r.Verdict)
	for _, one := range r.Copies {
		line := ""
		if one.Why != "" {
			line = ": " + one.Why
		}
		c.ui.Printf("  %s header at byte %d: %s, seqid %d%s", one.Place, one.Offset, one.State, one.SeqID, line)
	}
	if r.Reason != "" {
		c.ui.Printf("  in use: %s", r.Reason)
	}
	for _, id := range r.DamagedKeyslots {
		c.ui.Printf("  keyslot %d: key material is damaged", id)
	}
	if r.Foreign != "" {
		c.ui.Printf("  %s", r.Foreign)
	}
	return nil
}
