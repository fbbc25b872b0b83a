// SPDX-License-Identifier: Apache-2.0

package cli

import "strings"

const (
	lacksInline = "integrity inside the sectors' own metadata"
	// LacksOpal is what options about drives that encrypt themselves would need.
	LacksOpal = "OPAL hardware encryption"
)

// commonOptions are those that every action takes (All) or that several do, which name them in their
// declarations. Cryptsetup's spellings are here even where only one action is left that has a use for
// them, if what reads them serves other actions too.
func commonOptions(o *Options) []Option {
	volumeKeys := func() string {
		return Refuse(len(o.VolumeKeyFiles)+len(o.VolumeKeyKeyrings) > 2,
			"At most 2 volume key specifications can be supplied.")
	}
	return append(flagOptions(&o.Flags), []Option{
		{Long: "help", Short: '?', All: true, Into: &o.showHelp, Help: "show this text"},
		{Long: "usage", All: true, Into: &o.showUsage, Help: "show the synopsis"},
		{Long: "version", Short: 'V', All: true, Into: &o.showVersion, Help: "show the version"},
		{
			Long: "active-name", Arg: "STRING", All: true, Into: &o.ActiveName, Unlisted: true,
			Help: "name of the mapping to reencrypt, instead of finding it",
		},
		{
			Long: "align-payload", Arg: "SECTORS", Into: &o.AlignPayload,
			Help: "start the data at a multiple of this many sectors (luksFormat)",
		},
		{Long: "batch-mode", Short: 'q', All: true, Into: &o.BatchMode, Help: "ask for no confirmation"},
		{
			Long: "cipher", Short: 'c', Arg: "STRING", All: true, Into: &o.Cipher, Values: usualCiphers,
			Help: "cipher, mode and IV, such as aes-xts-plain64",
		},
		{Long: "debug", All: true, Into: &o.Debug, Help: "tell what is being done"},
		{Long: "debug-json", All: true, Into: &o.DebugJSON, Help: "the same, with the LUKS2 metadata"},
		{Long: "decrypt", All: true, Into: &o.Decrypt, Unlisted: true, Help: "remove the encryption in place"},
		{
			Long: "device-size", Arg: "bytes", Into: &o.DeviceSize, Suffix: true, Check: func() string {
				return Refuse(o.DeviceSize.V%sector != 0, "Device size must be multiple of 512 bytes sector.")
			},
			Help: "use only this much of the device; data behind it is not seen",
		},
		{
			Long: "disable-blkid", Into: &o.DisableBlkid,
			Help: "do not look for other formats on the device, nor wipe them",
		},
		{Long: "disable-external-tokens", All: true, Into: &o.DisableExternalToken, Help: "load no token plugins"},
		{
			Long: "disable-keyring", All: true, Into: &o.DisableKeyring,
			Help: "keep volume keys out of the kernel keyring",
		},
		{Long: "disable-locks", All: true, Into: &o.DisableLocks, Help: "take no lock on the metadata"},
		{
			Long: "disable-veracrypt", Into: &o.DisableVeracrypt,
			Help: "do not look for VeraCrypt volumes",
		},
		{Long: "dump-json-metadata", All: true, Into: &o.DumpJSON, Help: "show LUKS2 metadata as JSON"},
		{
			Long: "dump-volume-key", All: true, Into: &o.DumpVolumeKey,
			Help: "show the volume key instead of the keyslots",
		},
		{Long: "encrypt", All: true, Into: &o.Encrypt, Unlisted: true, Help: "encrypt a device in place"},
		{
			Long: "external-tokens-path", Arg: "STRING", Into: &o.ExternalTokensPath, Lacks: "loading of token plugins",
			Help: "folder of token plugins",
		},
		{Long: "force-password", All: true, Into: &o.ForcePassword, Help: "accept any passphrase without judging it"},
		{
			Long: "hash", Short: 'h', Arg: "STRING", All: true, Into: &o.Hash,
			Values: []string{"sha256", "sha512", "sha1", "ripemd160", "whirlpool"},
			Help:   "hash that turns a passphrase into a key",
		},
		{
			Long: "header", Arg: "STRING", All: true, Into: &o.Header, File: true,
			Help: "device or file that holds the header apart from the data",
		},
		{
			Long: "header-backup-file", Arg: "STRING", All: true, Into: &o.HeaderBackupFile, File: true,
			Help: "file for the copy of header and keyslots",
		},
		{Long: "hw-opal", Into: &o.HWOpal, Lacks: LacksOpal, Help: "let the drive encrypt as well"},
		{Long: "hw-opal-only", Into: &o.HWOpalOnly, Lacks: LacksOpal, Help: "let only the drive encrypt"},
		{
			Long: "init-only", All: true, Into: &o.InitOnly, Unlisted: true,
			Help: "write the metadata of a reencryption, move no data",
		},
		{
			Long: "integrity", Short: 'I', Arg: "STRING", Into: &o.Integrity,
			Values: []string{"aead", "poly1305", "hmac-sha256", "hmac-sha512"},
			Help:   "how sectors are authenticated (LUKS2): aead, poly1305, hmac-sha256 or hmac-sha512",
		},
		{
			Long: "integrity-inline", Into: &o.IntegrityInline, Lacks: lacksInline,
			Help: "keep integrity tags in the sectors' own metadata",
		},
		{
			Long: "integrity-key-size", Arg: "BITS", All: true, Into: &o.IntegrityKeySize,
			Check: func() string { return wholeBytes(o.IntegrityKeySize.V) }, Unlisted: true,
			Help: "size of the integrity key",
		},
		{
			Long: "integrity-legacy-padding", All: true, Into: &o.IntegrityLegacyPadding, Unlisted: true,
			Help: "lay integrity tags out as old kernels do",
		},
		{
			Long: "integrity-no-journal", All: true, Into: &o.IntegrityNoJournal, Unlisted: true,
			Help: "run integrity without its journal",
		},
		{
			Long: "integrity-no-wipe", Into: &o.IntegrityNoWipe,
			Help: "do not initialise integrity tags after format",
		},
		{Long: "iter-time", Short: 'i', Arg: "msecs", Into: &o.IterTime, Help: "how long deriving a key shall take"},
		{
			Long: "json-file", Arg: "STRING", All: true, Into: &o.JSONFile, File: true,
			Help: "file to read a token from or write it to",
		},
		{
			Long: "key-description", Arg: "STRING", Into: &o.KeyDescription,
			Help: "kernel key that holds the passphrase",
		},
		{
			Long: "key-file", Short: 'd', Arg: "STRING", All: true, Into: &o.KeyFiles, File: true,
			Help: "file to read the key from, - for standard input",
		},
		{
			Long: "key-size", Short: 's', Arg: "BITS", Into: &o.KeySizes,
			Check: func() string { return keySizes(o.KeySizes) },
			Help:  "size of the volume key",
		},
		{
			Long: "key-slot", Short: 'S', Arg: "INT", Into: &o.KeySlot,
			Check: NotNegative(&o.KeySlot, "Key slot is invalid."),
			Help:  "number of the keyslot (default: the first free or fitting one)",
		},
		{
			Long: "keyfile-offset", Arg: "bytes", All: true, Into: &o.KeyfileOffset,
			Help: "where in the key file the key starts",
		},
		{
			Long: "keyfile-size", Short: 'l', Arg: "bytes", All: true, Into: &o.KeyfileSize,
			Help: "read exactly this much of the key file",
		},
		{
			Long: "keyslot-cipher", Arg: "STRING", Into: &o.KeyslotCipher, Values: usualCiphers,
			Help: "cipher of a LUKS2 keyslot's own area",
		},
		{
			Long: "keyslot-key-size", Arg: "BITS", Into: &o.KeyslotKeySize,
			Check: func() string { return wholeBytes(o.KeyslotKeySize.V) },
			Help:  "key size of that cipher",
		},
		{Long: "label", Arg: "STRING", Into: &o.Label, Help: "label of a LUKS2 device"},
		{
			Long: "link-vk-to-keyring", Arg: "STRING", Into: &o.LinkVKToKeyring, Check: func() string {
				return Refuse(len(o.LinkVKToKeyring) > 2, "At most 2 keyring link specifications can be supplied.")
			},
			Help: "link the volume key into this keyring, as <keyring>::<key>",
		},
		{
			Long: "luks2-keyslots-size", Arg: "bytes", Into: &o.LUKS2KeyslotsSize, Suffix: true,
			Help: "room for LUKS2 keyslots",
		},
		{
			Long: "luks2-metadata-size", Arg: "bytes", Into: &o.LUKS2MetadataSize, Suffix: true,
			Help: "room for one copy of LUKS2 metadata",
		},
		{Long: "new-keyfile", Arg: "STRING", Into: &o.NewKeyfile, File: true, Help: "file to read the new key from"},
		{
			Long: "new-keyfile-offset", Arg: "bytes", All: true, Into: &o.NewKeyfileOffset,
			Help: "where in the new key file the key starts",
		},
		{
			Long: "new-keyfile-size", Arg: "bytes", All: true, Into: &o.NewKeyfileSize,
			Help: "read exactly this much of the new key file",
		},
		{
			Long: "new-key-description", Arg: "STRING", Into: &o.NewKeyDescription,
			Help: "kernel key that holds the new passphrase",
		},
		{Long: "offset", Short: 'o', Arg: "SECTORS", Into: &o.Offset, Help: "where on the device the data starts"},
		{
			Long: "pbkdf", Arg: "STRING", Into: &o.PBKDF, Values: []string{"argon2id", "argon2i", "pbkdf2"},
			Help: "key derivation: argon2id, argon2i or pbkdf2",
		},
		{
			Long: "pbkdf-force-iterations", Arg: "LONG", Into: &o.PBKDFIterations,
			Help: "derive with this cost, measure nothing",
		},
		{
			Long: "pbkdf-memory", Arg: "kilobytes", All: true, Into: &o.PBKDFMemory,
			Help: "most memory that deriving a key may take",
		},
		{
			Long: "pbkdf-parallel", Arg: "threads", All: true, Into: &o.PBKDFParallel,
			Help: "threads that derive a key",
		},
		{Long: "persistent", Into: &o.Persistent, Help: "keep these activation flags in the LUKS2 metadata"},
		{Long: "progress-json", Into: &o.ProgressJSON, Help: "report progress as JSON lines"},
		{
			Long: "progress-frequency", Arg: "secs", All: true, Into: &o.ProgressFrequency,
			Help: "report progress every so often, each on a line of its own",
		},
		{Long: "readonly", Short: 'r', All: true, Into: &o.ReadOnly, Help: "map the device read-only"},
		{
			Long: "reduce-device-size", Arg: "bytes", All: true, Into: &o.ReduceDeviceSize, Suffix: true,
			Check: func() string { return reduceSize(o.ReduceDeviceSize.V) }, Unlisted: true,
			Help: "give this much at the data's end to the header",
		},
		{Long: "refresh", Into: &o.Refresh, Help: "give an active mapping new parameters"},
		{
			Long: "resilience", Arg: "STRING", All: true, Into: &o.Resilience, Values: []string{"checksum", "journal"},
			Help: "how a reencryption survives a crash",
		},
		{
			Long: "resilience-hash", Arg: "STRING", All: true, Into: &o.ResilienceHash,
			Help: "hash of its checksums",
		},
		{
			Long: "resume-only", All: true, Into: &o.ResumeOnly,
			Help: "go on with a reencryption, start none",
		},
		{
			Long: "sector-size", Arg: "INT", Into: &o.SectorSize,
			Values: []string{"512", "1024", "2048", "4096"},
			Check:  func() string { return sectorSize(o.SectorSize.V) },
			Help:   "bytes that are encrypted as one unit",
		},
		{
			Long: "serialize-memory-hard-pbkdf", Into: &o.SerializeMemoryHard,
			Help: "derive memory-hard keys one process at a time",
		},
		{Long: "shared", Into: &o.Shared, Help: "share the device with other mappings that do not overlap"},
		{Long: "size", Short: 'b', Arg: "SECTORS", Into: &o.Size, Help: "size of the mapping"},
		{Long: "skip", Short: 'p', Arg: "SECTORS", Into: &o.Skip, Help: "IV number of the first sector"},
		{Long: "subsystem", Arg: "STRING", Into: &o.Subsystem, Help: "subsystem label of a LUKS2 device"},
		{Long: "test-args", All: true, Into: &o.TestArgs, Help: "check the command line and stop"},
		{Long: "test-passphrase", Into: &o.TestPassphrase, Help: "check the passphrase, map nothing"},
		{
			Long: "timeout", Short: 't', Arg: "secs", All: true, Into: &o.Timeout,
			Help: "wait this long at each prompt",
		},
		{
			Long: "token-id", Arg: "INT", All: true, Into: &o.TokenID, Check: NotNegative(&o.TokenID, BadNumber),
			Help: "number of the token (default: any)",
		},
		{Long: "token-only", All: true, Into: &o.TokenOnly, Help: "do not ask where tokens fail"},
		{Long: "token-type", Arg: "STRING", All: true, Into: &o.TokenType, Help: "use tokens of this type only"},
		{
			Long: "tcrypt-backup", Into: &o.TcryptBackup,
			Help: "use the backup header of a TCRYPT volume",
		},
		{Long: "tcrypt-hidden", Into: &o.TcryptHidden, Help: "open the hidden TCRYPT volume"},
		{Long: "tcrypt-system", Into: &o.TcryptSystem, Help: "the TCRYPT volume is a system drive"},
		{Long: "pin-file", Arg: "FILE", Into: &o.PINFile, Help: "the PIN of a token, instead of asking for it"},
		{
			Long: "tpm2-device", Arg: "auto|no|PATH", Into: &o.TPM2Device,
			Help: "the TPM that tokens are opened with, or none (default: auto, the only one)",
		},
		{
			Long: "tpm2-pcrlock", Arg: "FILE", Into: &o.TPM2PCRLock,
			Help: "the policy of systemd-pcrlock (default: pcrlock.json where systemd keeps it)",
		},
		{
			Long: "tpm2-signature", Arg: "FILE", Into: &o.TPM2Signature,
			Help: "signed policies for a TPM (default: tpm2-pcr-signature.json where systemd looks for it)",
		},
		{
			Long: "tries", Short: 'T', Arg: "INT", All: true, Into: &o.Tries,
			Check: func() string { // of 0 cryptsetup makes one
				o.Tries.V = max(o.Tries.V, 1)
				return ""
			},
			Help: "how often to ask for the passphrase",
		},
		{
			Long: "type", Short: 'M', Arg: "STRING", All: true, Into: &o.Type,
			Values: []string{"luks", "luks1", "luks2", "plain", "bitlk", "fvault2", "loopaes", "tcrypt"},
			Check: func() string { // as cryptsetup has it: in any case, and empty is none
				o.Type.V = strings.ToLower(o.Type.V)
				o.Type.Set = o.Type.V != ""
				return ""
			},
			Help: "format: luks, luks1, luks2, plain; to open bitlk, fvault2, loopaes, tcrypt, too",
		},
		{Long: "unbound", Into: &o.Unbound, Help: "a keyslot for no data, or a token for no keyslot"},
		{
			Long: "use-random", Into: &o.UseRandom, Unlisted: true,
			Help: "accepted; the kernel's generator is used either way",
		},
		{
			Long: "use-urandom", Into: &o.UseURandom, Unlisted: true,
			Help: "accepted; the kernel's generator is used either way",
		},
		{Long: "uuid", Arg: "STRING", Into: &o.UUID, Help: "UUID to give the device"},
		{
			Long: "veracrypt", All: true, Into: &o.Veracrypt, Unlisted: true,
			Help: "look for VeraCrypt volumes as well",
		},
		{
			Long: "veracrypt-pim", Arg: "INT", Into: &o.VeracryptPIM,
			Help: "iteration multiplier of a VeraCrypt volume",
		},
		{Long: "veracrypt-query-pim", Into: &o.VeracryptQueryPIM, Help: "ask for that multiplier"},
		{Long: "verbose", Short: 'v', All: true, Into: &o.Verbose, Help: "say more"},
		{
			Long: "verify-passphrase", Short: 'y', All: true, Into: &o.VerifyPassphrase,
			Help: "ask for a new passphrase twice",
		},
		{
			Long: "volume-key-file", Arg: "STRING", All: true, Into: &o.VolumeKeyFiles, File: true, Check: volumeKeys,
			Help: "file that holds the volume key",
		},
		{
			Long: "volume-key-keyring", Arg: "STRING", All: true, Into: &o.VolumeKeyKeyrings, Check: volumeKeys,
			Help: "kernel key that is the volume key",
		},
		{
			Long: "block-size", Short: 'B', Arg: "MiB", All: true, Into: &o.BlockSize, Unlisted: true,
			Help: "accepted for old scripts",
		},
		{Long: "new", Short: 'N', All: true, Into: &o.Encrypt, Unlisted: true, Help: "old name of --encrypt"},
		{Long: "use-directio", All: true, Into: &o.UseDirectIO, Unlisted: true, Help: "accepted for old scripts"},
		{Long: "use-fsync", All: true, Into: &o.UseFsync, Unlisted: true, Help: "accepted for old scripts"},
		{Long: "write-log", All: true, Into: &o.WriteLog, Unlisted: true, Help: "accepted for old scripts"},
		{
			Long: "dump-master-key", All: true, Into: &o.DumpVolumeKey, Unlisted: true,
			Help: "old name of --dump-volume-key",
		},
		{
			Long: "master-key-file", Arg: "STRING", All: true, Into: &o.VolumeKeyFiles, Check: volumeKeys,
			Unlisted: true,
			Help:     "old name of --volume-key-file",
		},
		{
			Long: "allow-high-cost", All: true, Into: &o.AllowHighCost,
			Help: "derive keys whatever the header says it costs",
		},
		{
			Long: "null-cipher", Into: &o.NullCipher,
			Help: "allow a cipher that encrypts nothing",
		},
		{Long: "json", Into: &o.JSON, Help: "report as JSON"},
		{Long: "dry-run", Into: &o.DryRun, Help: "show what would change, change nothing"},
		{
			Long: "header-from-far", Into: &o.HeaderFromFar,
			Help: "open with the far header where no other copy is valid, changing nothing",
		},
		{
			Long: "output", Short: 'o', ShortOf: "mkinitramfs", Arg: "FILE", Into: &o.Output, File: true,
			Help: "the file to write: a header that open --header accepts (rescue), the image (mkinitramfs)",
		},
	}...)
}

// usualCiphers are those that completions offer.
var usualCiphers = []string{
	"aes-xts-plain64", "serpent-xts-plain64", "camellia-xts-plain64", "twofish-xts-plain64",
	"xchacha20,aes-adiantum-plain64",
}
