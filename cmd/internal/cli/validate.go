// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"slices"
)

// Rule looks at a whole command line and returns the reason to refuse it, or "".
type Rule func(*Invocation) string

// Need looks for what an action must know before it starts. The error is a *UsageError or a
// *MissingError.
type Need func(*Invocation) error

// validate applies what cannot be judged option by option.
func (inv *Invocation) validate(options []Option) error {
	if reason := inv.optionsTaken(options); reason != "" {
		return &UsageError{Reason: reason}
	}
	if reason := firstReason(inv, everyAction[:], inv.verb.Rules); reason != "" {
		return &UsageError{Reason: reason}
	}
	if what := inv.lacks(options); what != "" {
		return &UnsupportedError{What: what}
	}
	if remark := inv.verb.Remark; remark != nil {
		if text := remark(inv); text != "" {
			inv.Notices = append(inv.Notices, text)
		}
	}
	if inv.Options.TestArgs {
		return nil
	}
	for _, need := range inv.verb.Needs {
		if err := need(inv); err != nil {
			return err
		}
	}
	return nil
}

func firstReason(inv *Invocation, lists ...[]Rule) string {
	for _, rules := range lists {
		for _, rule := range rules {
			if reason := rule(inv); reason != "" {
				return reason
			}
		}
	}
	return ""
}

// optionsTaken finds the first option that the action does not take.
func (inv *Invocation) optionsTaken(options []Option) string {
	s := first(options, func(s *Option) bool { return s.given() && !s.taken(inv.verb) })
	if s == nil {
		return ""
	}
	return fmt.Sprintf("Option --%s is not allowed with %s action.", s.Long, inv.Action)
}

// first is the option of a kind that stands first in the synopsis, nil where there is none.
func first(options []Option, of func(*Option) bool) *Option {
	var found *Option
	for i := range options {
		if s := &options[i]; of(s) && (found == nil || place(s.Long) < place(found.Long)) {
			found = s
		}
	}
	return found
}

// lacks names what was asked for and this program does not do.
func (inv *Invocation) lacks(options []Option) string {
	if inv.verb.Lacks != "" {
		return inv.verb.Lacks
	}
	if inv.verb.Partly != nil {
		if what := inv.verb.Partly(inv); what != "" {
			return what
		}
	}
	kind := inv.Options.Type.V
	if format := formatName(kind); format != "" && !inv.verb.AnyFormat && !slices.Contains(inv.verb.Reads, kind) {
		return "the " + format + " format"
	}
	lacking := func(s *Option) bool {
		return s.Lacks != "" && s.given()
	}
	if s := first(options, lacking); s != nil {
		return s.Lacks
	}
	return ""
}
