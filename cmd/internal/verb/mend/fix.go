// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// fixed is the report of fix --json.
type fixed struct {
	_ [0]func() // no comparison is made of it

	Device  string `json:"device"`
	UUID    string `json:"uuid,omitempty"`
	Verdict string `json:"verdict"`
	Status  string `json:"status"`
	Command string `json:"command,omitempty"`
	Writes  bool   `json:"command_writes"`
	Notes   string `json:"note,omitempty"`
}

// Fix declares the verb.
func Fix() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "fix", Group: cli.GroupRepair, Args: "<device>", MinArgs: 1, Own: true, Unasked: true, First: 7,
			Summary: "name what is wrong and the one safe command, changing nothing",
			Takes:   cli.OfHeader + "json",
			About: []string{
				"Looks at both copies of the header, the keyslots, the far header, what the guard keeps, and whether " +
					"a change was cut off, and says in one sentence how the volume stands. Then it names the one " +
					"command to go on with, and changes nothing itself.",
				"The command is the one that risks least: one that only reads where what is to be done is for a " +
					"person to decide, otherwise one that keeps what it overwrites, or that only concludes what was " +
					"begun.",
			},
			Report: cli.Report{
				Of: fixed{},
				Fields: []cli.Field{
					{Path: "device", Type: "string", About: "as it was named"},
					{Path: "uuid", Type: "string", About: "of the volume; may be absent"},
					{Path: "verdict", Type: "string", About: "healthy, healable, lost, unopenable, or none (it is no volume)"},
					{Path: "status", Type: "string", About: "how the volume stands, in a sentence"},
					{Path: "command", Type: "string", About: "to go on with; absent where nothing is to be done"},
					{Path: "command_writes", Type: "boolean", About: "the command changes the device"},
					{Path: "note", Type: "string", About: "what to know about the command; may be absent"},
				},
			},
			Examples: []cli.Example{
				{What: "What is wrong with a volume that does not open:", Line: "orthrus fix /dev/sdb2"},
				{What: "The same for programs:", Line: "orthrus fix --json backup.img"},
			},
			Exits: []cli.Exit{
				{Code: 1, Means: "It is no LUKS volume, and nothing of one was found; or another one, not to be opened here."},
				{Code: 6, Means: "Something is damaged or at risk; the volume still opens."},
				{Code: 7, Means: "What is left does not open the volume."},
			},
			SeeAlso: []string{"check", "repair", "rescue", "list"},
		},
		Run: fix,
	}
}

// fix reports, and proposes. It never writes.
func fix(ctx context.Context, c *verb.Command) error {
	name := c.About()
	s, err := situationOf(ctx, c, name)
	if err != nil {
		return err
	}
	r, a := s.proposal(c, name)
	if c.Opt.JSON {
		err = c.PrintJSON(r)
	} else {
		printStanding(c, s, r)
		if s.report != nil {
			printKeyslots(c, s.report, false)
		}
	}
	if err == nil && a.code != ui.OK {
		err = verb.Silent(a.code)
	}
	return err
}

// situationOf gathers all that a decision goes by.
func situationOf(ctx context.Context, c *verb.Command, name string) (situation, error) {
	var s situation
	evidence, err := gather(ctx, c, name)
	if err != nil {
		return s, err
	}
	report, err := inspect.Judge(evidence)
	switch {
	case err == nil:
		s.report = &report
		err = addLeftovers(ctx, name, &report)
	case errors.Is(err, inspect.ErrNotLUKS):
		err = nil
	}
	if err != nil {
		return s, err
	}
	return s, s.complete(ctx, c, name)
}

// complete adds to the report what it does not tell.
func (s *situation) complete(ctx context.Context, c *verb.Command, name string) error {
	path, err := block.Resolve(name)
	if err != nil {
		return verb.DeviceError(name, err)
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return verb.DeviceError(name, err)
	}
	defer file.Close()
	s.remains = guarded.LookForRemains(ctx, c, file)
	if s.report == nil {
		s.foreign = foreign.Judge(file, file.Size())
	}
	if v, err := luks.Load(ctx, file); err == nil {
		_, pending, err := v.Pending()
		s.cutOff = pending && err == nil // a log of another version is for repair to refuse
		s.closed = v.BoundKeyslots() == 0
		s.farOpens = s.closed && farOpens(ctx, v)
	}
	return ctx.Err()
}

// farOpens tells whether a far header of the volume still has keyslots, named by the heads or not.
func farOpens(ctx context.Context, v *luks.Volume) bool {
	all, _ := far.Every(ctx, v.Device()) // ended early: the caller says so
	for _, f := range all {
		head, err := f.Head()
		if err == nil && v.OwnsFar(f) && f.Usable() && len(head.Metadata.Keyslots()) > 0 {
			return true
		}
	}
	return false
}
