// SPDX-License-Identifier: Apache-2.0

package cli

// everyAction holds the rules on combinations that do not depend on the action.
var everyAction = [...]Rule{
	func(inv *Invocation) string {
		several := inv.verb.AnyKeyFiles || inv.Options.Type.V == TypeTcrypt && !inv.verb.AnyFormat
		return Refuse(len(inv.Options.KeyFiles) > 1 && !several, "Only one --key-file argument is allowed.")
	},
	func(inv *Invocation) string {
		return Refuse(inv.Options.JSON && inv.Options.DumpVolumeKey,
			"A volume key is not shown as JSON: --json cannot be combined with --dump-volume-key.")
	},
	func(inv *Invocation) string {
		return Refuse(inv.Options.PBKDF.Set && !knownPBKDF(inv.Options.PBKDF.V),
			"Password-based key derivation function (PBKDF) can be only pbkdf2 or argon2i/argon2id.")
	},
	func(inv *Invocation) string {
		return Refuse(inv.Options.PBKDFIterations.Set && inv.Options.IterTime.Set,
			"PBKDF forced iterations cannot be combined with iteration time option.")
	},
	func(inv *Invocation) string {
		return Refuse(inv.Options.IntegrityInline && !inv.Options.Integrity.Set,
			"Inline integrity must be used together with --integrity option.")
	},
	func(inv *Invocation) string {
		cipher := inv.Options.KeyslotCipher.Set && inv.Options.KeyslotCipher.V != ""
		return Refuse(cipher != inv.Options.KeyslotKeySize.Set || inv.Options.KeyslotCipher.Set && !cipher,
			"Options --keyslot-cipher and --keyslot-key-size must be used together.")
	},
}

// Refuse gives the reason where it holds.
func Refuse(when bool, reason string) string {
	if when {
		return reason
	}
	return ""
}

// PIMOnce: it is given or asked for, and VeraCrypt's.
func PIMOnce(inv *Invocation) string {
	o := &inv.Options
	if o.DisableVeracrypt && (o.VeracryptPIM.Set || o.VeracryptQueryPIM) {
		return "Option --veracrypt-pim is supported only for VeraCrypt compatible devices."
	}
	return Refuse(o.VeracryptPIM.Set && o.VeracryptQueryPIM,
		"The options --veracrypt-pim and --veracrypt-query-pim are mutually exclusive.")
}

// IsType tells whether --type is one of kinds.
func (inv *Invocation) IsType(kinds ...string) bool {
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

// LinkWithKeyring is a rule of actions that link the volume key.
func LinkWithKeyring(inv *Invocation) string {
	return Refuse(len(inv.Options.LinkVKToKeyring) > 0 && inv.Options.DisableKeyring,
		"Cannot link volume key to a keyring when keyring is disabled.")
}

// SizeOnce is a rule of actions that give a mapping its length.
func SizeOnce(inv *Invocation) string {
	return Refuse(inv.Options.Size.Set && inv.Options.DeviceSize.Set,
		"Options --device-size and --size cannot be combined.")
}

// KeyFileWins is the remark of actions whose second argument is a key file too.
func KeyFileWins(inv *Invocation) string {
	both := len(inv.Args) > 1 && len(inv.Options.KeyFiles) > 0
	return Refuse(both, "Option --key-file takes precedence over specified key file argument.")
}

// NeedsBackupFile is a need of actions that read or write a header backup.
func NeedsBackupFile(inv *Invocation) error {
	if !inv.Options.HeaderBackupFile.Set {
		return &MissingError{Reason: NoBackupFile}
	}
	return nil
}

// NoBackupFile is said where --header-backup-file is missing.
const NoBackupFile = "Option --header-backup-file is required."

// NeedsLUKS is a need of actions for which --type can only name LUKS.
func NeedsLUKS(inv *Invocation) error {
	if kind := inv.Options.Type.Or(TypeLuks); !OpensLUKS(kind) {
		return UnknownType(kind)
	}
	return nil
}

// UnknownType refuses a --type that means nothing to the action.
func UnknownType(kind string) error {
	return &MissingError{Reason: "Unrecognized metadata device type " + kind + "."}
}

// OpensLUKS tells whether a --type stands for a version of LUKS, or for both.
func OpensLUKS(kind string) bool { return kind == TypeLuks || kind == TypeLuks1 || kind == TypeLuks2 }
