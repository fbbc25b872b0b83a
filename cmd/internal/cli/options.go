// SPDX-License-Identifier: Apache-2.0

package cli

import "github.com/orthrus-luks/orthrus/dm/target"

// Value is the argument of an option, and whether the option was given at all.
type Value[T any] struct {
	V   T
	Set bool
}

// Or returns the argument, or fallback where the option was not given.
func (v Value[T]) Or(fallback T) T {
	if v.Set {
		return v.V
	}
	return fallback
}

// Options holds the common options of one command line: those of all actions and of several. A flag is a bool; an
// option with an argument is a
// Value; one that may be repeated is a slice in the order given. Sizes are in bytes unless the
// comment says otherwise.
type Options struct {
	// Which device, which metadata.
	Type             Value[string] // luks, luks1, luks2, plain …
	Header           Value[string] // detached header
	HeaderBackupFile Value[string]
	UUID             Value[string]
	Label            Value[string]
	Subsystem        Value[string]
	JSONFile         Value[string]

	// Secrets and where they come from.
	KeyFiles             []string
	KeyfileOffset        Value[uint64]
	KeyfileSize          Value[uint32]
	NewKeyfile           Value[string]
	NewKeyfileOffset     Value[uint64]
	NewKeyfileSize       Value[uint32]
	KeyDescription       Value[string]
	NewKeyDescription    Value[string]
	VolumeKeyFiles       []string
	VolumeKeyKeyrings    []string
	LinkVKToKeyring      []string
	Timeout              Value[uint32] // seconds per prompt
	Tries                Value[uint32]
	VerifyPassphrase     bool
	ForcePassword        bool
	TestPassphrase       bool
	DisableKeyring       bool
	SerializeMemoryHard  bool
	UseRandom            bool
	UseURandom           bool
	DumpVolumeKey        bool
	DumpJSON             bool
	Unbound              bool
	KeySlot              Value[int]
	TokenID              Value[int]
	TokenType            Value[string]
	TokenOnly            bool
	ExternalTokensPath   Value[string]
	DisableExternalToken bool
	TPM2Device           Value[string]
	TPM2Signature        Value[string]
	TPM2PCRLock          Value[string]
	PINFile              Value[string]

	// Encryption and key derivation.
	Cipher           Value[string]
	Hash             Value[string]
	KeySizes         []uint32 // bits, multiples of 8
	KeyslotCipher    Value[string]
	KeyslotKeySize   Value[uint32] // bits
	SectorSize       Value[uint32]
	PBKDF            Value[string]
	PBKDFIterations  Value[uint32] // forced
	PBKDFMemory      Value[uint32] // KiB
	PBKDFParallel    Value[uint32]
	IterTime         Value[uint32] // milliseconds
	Integrity        Value[string]
	IntegrityKeySize Value[uint32] // bits

	// Places and lengths.
	Offset            Value[uint64] // 512-byte sectors
	Skip              Value[uint64] // 512-byte sectors
	Size              Value[uint64] // 512-byte sectors
	AlignPayload      Value[uint32] // 512-byte sectors
	DeviceSize        Value[uint64]
	LUKS2MetadataSize Value[uint64]
	LUKS2KeyslotsSize Value[uint64]
	ReduceDeviceSize  Value[uint64]

	// The mapping.
	Flags              target.CryptFlags // all that dm-crypt has
	ReadOnly           bool
	Shared             bool
	Persistent         bool
	Refresh            bool
	IntegrityNoJournal bool

	// How the program behaves.
	BatchMode         bool
	Verbose           bool
	Debug             bool
	DebugJSON         bool
	DisableLocks      bool
	DisableBlkid      bool
	ProgressJSON      bool
	ProgressFrequency Value[uint32] // seconds
	TestArgs          bool
	AllowHighCost     bool // own: derive keys whatever the header says it costs
	NullCipher        bool // own: allow a cipher that encrypts nothing
	JSON              bool // own: report as JSON
	DryRun            bool // own: print what would change, change nothing

	Output        Value[string] // own: file that rescue and mkinitramfs write
	HeaderFromFar bool          // own: of open

	// Parsed for their spelling; the features they belong to are refused or need nothing from them.
	ActiveName             Value[string]
	BlockSize              Value[uint32] // MiB
	Decrypt                bool
	DisableVeracrypt       bool
	Encrypt                bool
	HWOpal                 bool
	HWOpalOnly             bool
	InitOnly               bool
	IntegrityInline        bool
	IntegrityLegacyPadding bool
	IntegrityNoWipe        bool
	Resilience             Value[string]
	ResilienceHash         Value[string]
	ResumeOnly             bool
	TcryptBackup           bool
	TcryptHidden           bool
	TcryptSystem           bool
	UseDirectIO            bool
	UseFsync               bool
	Veracrypt              bool
	VeracryptPIM           Value[uint32]
	VeracryptQueryPIM      bool
	WriteLog               bool

	showHelp, showUsage, showVersion bool
}
