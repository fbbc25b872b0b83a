// SPDX-License-Identifier: Apache-2.0

package cli

import "slices"

// everyAction holds the rules on combinations that do not depend on the action.
var everyAction = [...]rule{
	func(inv *Invocation) string {
		return refuse(len(inv.Options.KeyFiles) > 1 && (inv.Options.Type.V != typeTcrypt || inv.Action == Close), "Only one --key-file argument is allowed.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.PBKDF.Set && !knownPBKDF(inv.Options.PBKDF.V), "Password-based key derivation function (PBKDF) can be only pbkdf2 or argon2i/argon2id.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.PBKDFIterations.Set && inv.Options.IterTime.Set, "PBKDF forced iterations cannot be combined with iteration time option.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.IntegrityInline && !inv.Options.Integrity.Set, "Inline integrity must be used together with --integrity option.")
	},
	func(inv *Invocation) string {
		cipher := inv.Options.KeyslotCipher.Set && inv.Options.KeyslotCipher.V != ""
		return refuse(cipher != inv.Options.KeyslotKeySize.Set || inv.Options.KeyslotCipher.Set && !cipher, "Options --keyslot-cipher and --keyslot-key-size must be used together.")
	},
}

// actionRules returns the rules on combinations that belong to one action, in order.
func actionRules(action Action) []rule {
	switch action {
	case Open:
		return openRules[:]
	case Resize:
		return []rule{sizeOnce}
	case Repair:
		return []rule{repairFar}
	case Close:
		return []rule{closeDeferred}
	case LuksFormat:
		return []rule{formatOffset, formatIntegrityWipe, formatRandom, formatFar}
	case LuksAddKey:
		return []rule{unboundKeySize}
	case LuksDump:
		return []rule{unboundSlot}
	case LuksResume:
		return []rule{linkWithKeyring}
	case Config:
		return []rule{prioritySlot}
	case Token:
		return []rule{tokenAction, tokenNeeds}
	case Guard:
		return []rule{guardWords}
	case Far:
		return []rule{farAction}
	case Shrink:
		return []rule{shrinkSize}
	case Header:
		return []rule{headerAction}
	}
	return nil
}

// openRules are those of open, whose forms differ by format.
var openRules = [...]rule{
	linkWithKeyring,
	openFar,
	func(inv *Invocation) string {
		return refuse(inv.Options.LinkForGuard && (inv.Options.TestPassphrase || inv.isType(typePlain)), "Option --link-for-guard is for mappings of LUKS volumes.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.TestPassphrase && inv.Options.Persistent, "Option --persistent is not allowed with --test-passphrase.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.TestPassphrase && inv.Options.Refresh, "Options --refresh and --test-passphrase are mutually exclusive.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.Shared && !inv.isType(typePlain), "Option --shared is allowed only for open of plain device.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.Skip.V > 0 && !inv.isType(typePlain, typeLoopAES), "Option --skip is supported only for open of plain and loopaes devices.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.Offset.V > 0 && !inv.isType(typePlain, typeLoopAES), "Option --offset with open action is only supported for plain and loopaes devices.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.SectorSize.Set && !inv.isType(typePlain), "Sector size option with open action is supported only for plain devices.")
	},
	func(inv *Invocation) string {
		large := inv.isType(typePlain) && inv.Options.SectorSize.V > sector
		return refuse(inv.Options.IVLargeSectors && !large, "Large IV sectors option is supported only for opening plain type device with sector size larger than 512 bytes.")
	},
	sizeOnce,
	func(inv *Invocation) string {
		return refuse(inv.Options.Unbound && !inv.Options.TestPassphrase, "Option --unbound cannot be used without --test-passphrase.")
	},
	func(inv *Invocation) string {
		return refuse(len(inv.Options.VolumeKeyFiles) > 1 && len(inv.Options.KeySizes) < 2, "Both --volume-key-file options must be paired with respective --key-size options.")
	},
	func(inv *Invocation) string {
		tcrypt := inv.Options.TcryptHidden || inv.Options.TcryptSystem || inv.Options.TcryptBackup
		return refuse(tcrypt && !inv.isType(typeTcrypt), "Option --tcrypt-hidden, --tcrypt-system or --tcrypt-backup is supported only for TCRYPT device.")
	},
	func(inv *Invocation) string {
		veracrypt := inv.Options.Veracrypt || inv.Options.DisableVeracrypt
		return refuse(veracrypt && !inv.isType(typeTcrypt), "Option --veracrypt or --disable-veracrypt is supported only for TCRYPT device type.")
	},
	func(inv *Invocation) string {
		return refuse(inv.Options.VeracryptPIM.Set && inv.Options.VeracryptQueryPIM, "The options --veracrypt-pim and --veracrypt-query-pim are mutually exclusive.")
	},
}

func refuse(when bool, reason string) string {
	if when {
		return reason
	}
	return ""
}

func (inv *Invocation) isType(kinds ...string) bool {
	for _, kind := range kinds {
		if inv.Options.Type.V == kind {
			return true
		}
	}
	return false
}

func knownPBKDF(name string) bool {
	return name == "pbkdf2" || name == "argon2i" || name == "argon2id"
}

func linkWithKeyring(inv *Invocation) string {
	return refuse(len(inv.Options.LinkVKToKeyring) > 0 && inv.Options.DisableKeyring, "Cannot link volume key to a keyring when keyring is disabled.")
}

func sizeOnce(inv *Invocation) string {
	return refuse(inv.Options.Size.Set && inv.Options.DeviceSize.Set, "Options --device-size and --size cannot be combined.")
}

func closeDeferred(inv *Invocation) string {
	return refuse(inv.Options.Deferred && inv.Options.CancelDeferred, "Options --cancel-deferred and --deferred cannot be used at the same time.")
}

func formatOffset(inv *Invocation) string {
	return refuse(inv.Options.AlignPayload.Set && inv.Options.Offset.Set, "Options --align-payload and --offset cannot be combined.")
}

func formatIntegrityWipe(inv *Invocation) string {
	return refuse(inv.Options.IntegrityNoWipe && !inv.Options.Integrity.Set, "Option --integrity-no-wipe can be used only for format action with integrity extension.")
}

func formatRandom(inv *Invocation) string {
	return refuse(inv.Options.UseRandom && inv.Options.UseURandom, "Only one of --use-[u]random options is allowed.")
}

func unboundKeySize(inv *Invocation) string {
	return refuse(inv.Options.Unbound && len(inv.Options.KeySizes) == 0, "Key size is required with --unbound option.")
}

func unboundSlot(inv *Invocation) string {
	return refuse(inv.Options.Unbound && !inv.Options.KeySlot.Set, "Keyslot specification is required.")
}

func prioritySlot(inv *Invocation) string {
	return refuse(inv.Options.Priority.Set && !inv.Options.KeySlot.Set, "Keyslot specification is required.")
}

func tokenAction(inv *Invocation) string {
	switch inv.Args[0] {
	case "add", "remove", "import", "export", "unassign":
		return ""
	}
	return "Invalid token action."
}

func tokenNeeds(inv *Invocation) string {
	o := &inv.Options
	switch sub := inv.Args[0]; {
	case sub == "unassign" && !o.KeySlot.Set:
		return "Action requires specific keyslot. Use --key-slot parameter."
	case (sub == "remove" || sub == "export" || sub == "unassign") && !o.TokenID.Set:
		return "Action requires specific token. Use --token-id parameter."
	case sub == "add" && !o.KeyDescription.Set:
		return "--key-description parameter is mandatory for token add action."
	case o.Unbound && o.KeySlot.Set:
		return "Options --key-slot and --unbound cannot be combined."
	}
	return ""
}

// guardWords: what follows guard.
func guardWords(inv *Invocation) string {
	words := inv.Args
	switch {
	case len(words) == 0, len(words) == 1 && words[0] == "status":
		return refuse(len(words) > 0 && inv.Options.Once.Set, "Option --once is not allowed with guard status.")
	case len(words) == 2 && words[0] == "export" && !inv.Options.HeaderBackupFile.Set:
		return noBackupFile
	case len(words) == 2 && slices.Contains([]string{"history", "undo", "export"}, words[0]):
		return refuse(inv.Options.Once.Set, "Option --once is not allowed with guard "+words[0]+".")
	}
	return "Use guard alone, or with status, history <uuid>, undo <uuid> or export <uuid>."
}
