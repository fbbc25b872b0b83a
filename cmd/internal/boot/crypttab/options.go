// SPDX-License-Identifier: Apache-2.0

package crypttab

import (
	"slices"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/dm/target"
)

// Type is the format that an entry asks for.
type Type int

// The types.
const (
	AnyLUKS Type = iota // none named, or "luks"
	Plain
	Swap  // plain, with a random key and swap space made on it
	Tmp   // plain, with a random key and a file system made on it
	Other // a format this program has not; see Options.Format
)

func (t Type) String() string {
	return [...]string{"luks", "plain", "swap", "tmp", "other"}[t]
}

// Echo is what a prompt shows of what is typed.
type Echo int

// The ways to echo.
const (
	EchoDefault Echo = iota // masked at first, to be changed with Tab
	EchoMasked
	EchoYes
	EchoNo
)

// Cache says what is done with the passphrases of the kernel keyring.
type Cache int

// The ways to use the cache.
const (
	CacheDefault  Cache = iota // read
	CacheYes                   // read and write
	CacheNo                    // neither
	CacheReadOnly              // read
)

// Far says what is done with a volume both of whose heads are lost while its far header is whole.
type Far int

// The ways with a far header.
const (
	FarAsk  Far = iota // people are told before they type the passphrase; nothing else opens it
	FarOpen            // it opens like any other
	FarNo              // it is told of, and stays closed
)

// Word is one option as a crypttab has it.
type Word struct {
	Name  string
	Value string // "" where the option has none
	Has   bool   // there is a value, though it may be empty
}

// Span is a time that may be set; zero stands for no end.
type Span struct {
	V   time.Duration
	Set bool
}

// Or is the span, or other where none was set.
func (s Span) Or(other time.Duration) time.Duration {
	if s.Set {
		return s.V
	}
	return other
}

// Options are the fourth field. Zero values are what the dialects take for the default, unless said
// otherwise.
type Options struct {
	Type   Type
	Format string // of Other: "tcrypt", "bitlk", "fvault2"

	// Of plain volumes.
	Cipher     string
	Hash       string
	KeySize    int    // bits
	SectorSize int    // bytes
	Offset     uint64 // 512-byte sectors
	Skip       uint64 // 512-byte sectors
	TmpFS      string // file system of Tmp

	// Keys.
	Header         string // device or file of a detached header, may end in ":DEVICE"
	Keyslot        int    // -1 for any
	KeyFileOffset  uint64 // bytes
	KeyFileSize    uint64 // bytes, 0 for all
	KeyFileErase   bool
	KeyFileTimeout Span
	KeyScript      string // Debian: program that prints the key
	LinkVolumeKey  string
	TryEmpty       bool
	Cache          Cache

	// People.
	Tries    int // 0 for the default
	Timeout  Span
	Verify   bool
	Echo     Echo
	Headless bool // nobody is asked

	// The mapping.
	ReadOnly bool
	Flags    target.CryptFlags

	// Boot.
	DeviceTimeout Span
	NoAuto        bool
	NoFail        bool
	Initrd        bool // initramfs, x-initrd.attach
	Network       bool // _netdev

	// Of this program, as x-orthrus.NAME.
	Degraded bool   // goes on without the volume when it stays away
	Ciphers  string // allow-list, separated by blanks
	Pin      string // hexadecimal digest of the volume key, as luksDump shows it
	Far      Far    // what is done where only the far header is left

	// Fixed is the id that systemd has for the one volume key that may open the volume.
	Fixed string

	Kept     []string // known options that concern others: TPM2, FIDO2, PKCS#11, checks
	Problems []Problem
}

// Defaults are the options of an entry that has none.
func Defaults() Options { return Options{Keyslot: -1} }

// ParseOptions reads options as they stand in the fourth field.
func ParseOptions(text string) Options {
	o := Defaults()
	for _, word := range SplitOptions(text) {
		name, value, has := strings.Cut(word, "=")
		o.apply(name, value, has)
	}
	return o
}

// Words reads options as they stand in the fourth field, an alias by the first name of its option.
func Words(text string) []Word {
	var all []Word
	for _, one := range SplitOptions(text) {
		var w Word
		w.Name, w.Value, w.Has = strings.Cut(one, "=")
		if s := findOption(w.Name); s != nil {
			w.Name = s.name
		}
		all = append(all, w)
	}
	return all
}

// SplitOptions cuts at commas; "\," is a comma within a word and "\\" a backslash.
func SplitOptions(text string) []string {
	var words []string
	var word strings.Builder
	flush := func() {
		if word.Len() > 0 {
			words = append(words, word.String())
		}
		word.Reset()
	}
	for i := 0; i < len(text); i++ {
		switch {
		case text[i] == '\\' && i+1 < len(text) && (text[i+1] == ',' || text[i+1] == '\\'):
			i++
			word.WriteByte(text[i])
		case text[i] == ',':
			flush()
		default:
			word.WriteByte(text[i])
		}
	}
	flush()
	return words
}

func (o *Options) apply(name, value string, has bool) {
	s := findOption(name)
	switch {
	case s == nil && strings.HasPrefix(name, "x-"):
		return // for others, by agreement
	case s == nil:
		o.problem(name, Unknown, "")
	case s.kind == kept:
		o.Kept = append(o.Kept, strings.TrimSuffix(name+"="+value, "="))
	case s.kind == obsolete:
		o.problem(name, Obsolete, s.why)
	case s.kind == refused:
		o.Type, o.Format = Other, s.why
		o.problem(name, Unsupported, "")
	case s.needsValue && value == "":
		o.problem(name, Malformed, "a value is missing")
	case !s.set(o, value, has):
		o.problem(name, Malformed, value)
	}
}

// KeptValue is the value of an option that concerns others, "" where it was given without one.
func (o Options) KeptValue(name string) (value string, given bool) {
	for _, text := range o.Kept {
		if is, value, _ := strings.Cut(text, "="); is == name {
			return value, true
		}
	}
	return "", false
}

func (o *Options) problem(name string, kind ProblemKind, why string) {
	o.Problems = append(o.Problems, Problem{Option: name, Kind: kind, Why: why})
}

func findOption(name string) *option {
	for i := range options() {
		if o := &options()[i]; o.name == name || slices.Contains(o.also, name) {
			return o
		}
	}
	return nil
}
