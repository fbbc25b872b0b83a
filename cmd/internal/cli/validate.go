// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"strconv"
)

// rule looks at a whole command line and returns the reason to refuse it, or "".
type rule func(*Invocation) string

// validate applies what cannot be judged option by option.
func (inv *Invocation) validate(spec *actionSpec) error {
	if reason := inv.optionsTaken(); reason != "" {
		return &UsageError{Reason: reason}
	}
	if reason := firstReason(inv, everyAction[:], actionRules(inv.Action)); reason != "" {
		return &UsageError{Reason: reason}
	}
	if what := inv.lacks(spec); what != "" {
		return &UnsupportedError{What: what}
	}
	inv.notice()
	if inv.Options.TestArgs {
		return nil
	}
	if err := inv.needs(); err != nil {
		return err
	}
	if inv.Action == Open && inv.Options.Refresh {
		inv.Action = Refresh
	}
	return nil
}

func firstReason(inv *Invocation, lists ...[]rule) string {
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
func (inv *Invocation) optionsTaken() string {
	for i := range options {
		spec := &options[i]
		if len(spec.only) > 0 && !spec.takenBy(inv.Action) && spec.given(&inv.Options) {
			return fmt.Sprintf("Option --%s is not allowed with %s action.", spec.long, inv.Action)
		}
	}
	return ""
}

// lacks names what was asked for and this program does not do.
func (inv *Invocation) lacks(spec *actionSpec) string {
	if spec.lacks != "" {
		return spec.lacks
	}
	if format := formatName(inv.Options.Type.V); format != "" && inv.Action != Close { // a mapping of any format can be removed
		return "the " + format + " format"
	}
	for i := range options {
		if options[i].lacks != "" && options[i].given(&inv.Options) {
			return options[i].lacks
		}
	}
	return ""
}

// notice adds remarks on what is legal but may surprise.
func (inv *Invocation) notice() {
	positional := inv.Action == LuksFormat || inv.Action == LuksRemoveKey
	if positional && len(inv.Args) > 1 && len(inv.Options.KeyFiles) > 0 {
		inv.Notices = append(inv.Notices, "Option --key-file takes precedence over specified key file argument.")
	}
}

// needs checks what an action must know before it starts.
func (inv *Invocation) needs() error {
	if reason := needsUsage(inv); reason != "" {
		return &UsageError{Reason: reason}
	}
	if reason := needsPlain(inv); reason != "" {
		return &MissingError{Reason: reason}
	}
	return nil
}

// needsUsage is the part of needs that is answered with the synopsis.
func needsUsage(inv *Invocation) string {
	o := &inv.Options
	switch {
	case inv.Action == Open && o.TestPassphrase && !opensLuks(o.Type.Or(typeLuks)):
		return "Option --test-passphrase is allowed only for open of LUKS, TCRYPT, BITLK and FVAULT2 devices."
	case inv.Action == LuksKillSlot:
		if _, err := inv.SlotArgument(); err != nil {
			return "Key slot is invalid."
		}
	}
	return ""
}

// needsPlain is the part of needs that is answered with one line.
func needsPlain(inv *Invocation) string {
	o := &inv.Options
	switch inv.Action {
	case Open:
		if len(inv.Args) < 2 && !o.TestPassphrase && !o.Refresh {
			return "Command requires device and mapped name as arguments."
		}
		if kind := o.Type.Or(typeLuks); kind != typePlain && !opensLuks(kind) {
			return fmt.Sprintf("Unrecognized metadata device type %s.", kind)
		}
	case LuksFormat, LuksResume:
		if kind := o.Type.Or(typeLuks); !opensLuks(kind) {
			return fmt.Sprintf("Unrecognized metadata device type %s.", kind)
		}
	case Config:
		if !o.Priority.Set && !o.Label.Set && !o.Subsystem.Set {
			return "Option --priority, --label or --subsystem is missing."
		}
	case Convert:
		if o.Type.V != typeLuks1 && o.Type.V != typeLuks2 {
			return "Invalid LUKS type, only luks1 and luks2 are supported."
		}
	case LuksHeaderBackup, LuksHeaderRestore:
		if !o.HeaderBackupFile.Set {
			return noBackupFile
		}
	}
	return ""
}

const noBackupFile = "Option --header-backup-file is required."

func opensLuks(kind string) bool {
	return kind == typeLuks || kind == typeLuks1 || kind == typeLuks2
}

// SlotArgument is the keyslot number that luksKillSlot was given as its second argument.
func (inv *Invocation) SlotArgument() (int, error) {
	slot, err := strconv.ParseUint(inv.Args[1], 10, 31)
	return int(slot), err
}
