// SPDX-License-Identifier: Apache-2.0

package crypttab

import (
	"slices"
	"strings"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/target"
)

// Options are the fourth field. Zero values are what the dialects take for the default, unless said
// otherwise.
type Options struct {
	Type   Type
	Format string // of Other: what it is, in words

	// Of plain volumes.
	Cipher     string
	Hash       string
	KeySize    int    // bits
	SectorSize int    // bytes
	Offset     uint64 // 512-byte sectors
	Skip       uint64 // 512-byte sectors
	TmpFS      string // file system of Tmp

	Tcrypt TcryptOptions // of TrueCrypt and VeraCrypt volumes

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
	Remote   bool   // an image has an ssh server, for who answers from far away
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

// kind tells options that do something from those that are only known.
type kind int

const (
	effective kind = iota
	kept           // concerns others, who find it in Options.Kept
	obsolete       // why says in what way
	refused        // a format that is not supported; why names it
)

// option is one option of the dialects. Its field in Options is above, and what reads that does the rest.
type option struct {
	name       string
	also       []string // other spellings
	kind       kind
	why        string
	needsValue bool
	values     []string // see Own; only this program's own have these two
	about      string
	set        func(o *Options, value string, has bool) bool // false: the value cannot be
}

// options are all of them, put together when a table is read: starting the program costs nothing for them.
var options = sync.OnceValue(func() []option { return append(flagOptions(), table[:]...) })

var table = [...]option{
	// Formats.
	{name: "luks", set: func(o *Options, _ string, _ bool) bool { return o.become(AnyLUKS) }},
	{name: "plain", set: func(o *Options, _ string, _ bool) bool { return o.become(Plain) }},
	{name: "swap", set: func(o *Options, _ string, _ bool) bool { return o.become(Swap) }},
	{name: "tmp", set: func(o *Options, v string, _ bool) bool { o.TmpFS = v; return o.become(Tmp) }},
	{
		name: "tcrypt", also: []string{"tcrypt-veracrypt", "veracrypt"},
		set: func(o *Options, _ string, _ bool) bool { return o.become(Tcrypt) },
	},
	{
		name: "tcrypt-hidden", also: []string{"tcrypthidden"},
		set: func(o *Options, _ string, _ bool) bool { o.Tcrypt.Hidden = true; return o.become(Tcrypt) },
	},
	{
		name: "tcrypt-system", also: []string{"tcryptsystem"},
		set: func(o *Options, _ string, _ bool) bool { o.Tcrypt.System = true; return o.become(Tcrypt) },
	},
	{name: "tcrypt-keyfile", needsValue: true, set: func(o *Options, v string, _ bool) bool {
		o.Tcrypt.KeyFiles = append(o.Tcrypt.KeyFiles, v)
		return o.become(Tcrypt)
	}},
	{name: "veracrypt-pim", needsValue: true, set: func(o *Options, v string, _ bool) bool {
		return o.become(Tcrypt) && integer(v, 0, 1<<31-1, &o.Tcrypt.PIM)
	}},
	{name: "veracrypt-query-pim", kind: refused, why: "tcrypt with a PIM that is asked for"},
	{name: "bitlk", set: func(o *Options, _ string, _ bool) bool { return o.become(Bitlk) }},
	{name: "fvault2", set: func(o *Options, _ string, _ bool) bool { return o.become(FVault2) }},

	// Plain volumes.
	{name: "cipher", needsValue: true, set: func(o *Options, v string, _ bool) bool { o.Cipher = v; return true }},
	{name: "hash", needsValue: true, set: func(o *Options, v string, _ bool) bool { o.Hash = v; return true }},
	{name: "size", needsValue: true, set: func(o *Options, v string, _ bool) bool {
		return integer(v, 8, 8192, &o.KeySize) && o.KeySize%8 == 0
	}},
	{name: "sector-size", needsValue: true, set: func(o *Options, v string, _ bool) bool {
		return integer(v, 512, 4096, &o.SectorSize) && o.SectorSize&(o.SectorSize-1) == 0
	}},
	{name: "offset", needsValue: true, set: func(o *Options, v string, _ bool) bool { return number(v, &o.Offset) }},
	{name: "skip", needsValue: true, set: func(o *Options, v string, _ bool) bool { return number(v, &o.Skip) }},

	// Keys.
	{name: "header", needsValue: true, set: func(o *Options, v string, _ bool) bool { o.Header = v; return true }},
	{
		name: "key-slot",
		also: []string{"keyslot"}, needsValue: true, set: func(o *Options, v string, _ bool) bool { return integer(v, 0, 255, &o.Keyslot) },
	},
	{
		name: "keyfile-offset", needsValue: true,
		set: func(o *Options, v string, _ bool) bool { return number(v, &o.KeyFileOffset) },
	},
	{
		name: "keyfile-size", needsValue: true,
		set: func(o *Options, v string, _ bool) bool { return number(v, &o.KeyFileSize) },
	},
	{name: "keyfile-erase", set: func(o *Options, v string, has bool) bool { return boolean(v, has, &o.KeyFileErase) }},
	{
		name: "keyfile-timeout", needsValue: true,
		set: func(o *Options, v string, _ bool) bool { return span(v, &o.KeyFileTimeout) },
	},
	{
		name: "keyscript", needsValue: true,
		set: func(o *Options, v string, _ bool) bool { o.KeyScript = v; return true },
	},
	{
		name: "link-volume-key", needsValue: true,
		set: func(o *Options, v string, _ bool) bool { o.LinkVolumeKey = v; return true },
	},
	{
		name: "fixate-volume-key", needsValue: true,
		set: func(o *Options, v string, _ bool) bool { o.Fixed = v; return true },
	},
	{
		name: "try-empty-password",
		set:  func(o *Options, v string, has bool) bool { return boolean(v, has, &o.TryEmpty) },
	},
	{name: "password-cache", needsValue: true, set: setCache},

	// People.
	{name: "tries", needsValue: true, set: setTries},
	{name: "timeout", needsValue: true, set: func(o *Options, v string, _ bool) bool { return span(v, &o.Timeout) }},
	{name: "verify", set: func(o *Options, _ string, _ bool) bool { o.Verify = true; return true }},
	{name: "password-echo", needsValue: true, set: setEcho},
	{name: "headless", set: func(o *Options, v string, has bool) bool { return boolean(v, has, &o.Headless) }},

	// The mapping.
	{
		name: "readonly",
		also: []string{"read-only"}, set: func(o *Options, _ string, _ bool) bool { o.ReadOnly = true; return true },
	},

	// Boot.
	{
		name: "x-systemd.device-timeout", needsValue: true,
		set: func(o *Options, v string, _ bool) bool { return span(v, &o.DeviceTimeout) },
	},
	{name: "noauto", set: func(o *Options, _ string, _ bool) bool { o.NoAuto = true; return true }},
	{name: "auto", set: func(o *Options, _ string, _ bool) bool { o.NoAuto = false; return true }},
	{name: "nofail", set: func(o *Options, _ string, _ bool) bool { o.NoFail = true; return true }},
	{
		name: "initramfs",
		also: []string{"x-initrd.attach"}, set: func(o *Options, _ string, _ bool) bool { o.Initrd = true; return true },
	},
	{name: "_netdev", set: func(o *Options, _ string, _ bool) bool { o.Network = true; return true }},

	// This program's own.
	{
		name: "x-orthrus.degraded", about: "lets the boot go on without the volume when its disk stays away",
		set: func(o *Options, v string, has bool) bool { return boolean(v, has, &o.Degraded) },
	},
	{
		name: "x-orthrus.remote", about: "has mkinitramfs bring an ssh server, for who is far away to answer",
		set: func(o *Options, v string, has bool) bool { return boolean(v, has, &o.Remote) },
	},
	{
		name: "x-orthrus.ciphers", needsValue: true, values: []string{"CIPHERS"},
		about: "says which ciphers are accepted instead of the usual ones",
		set:   func(o *Options, v string, _ bool) bool { o.Ciphers = v; return true },
	},
	{
		name: "x-orthrus.pin", needsValue: true, values: []string{"HEX"},
		about: "opens the volume only if its header has that digest of the volume key (luksDump shows it)",
		set:   func(o *Options, v string, _ bool) bool { o.Pin = v; return hexadecimal(v) },
	},
	{
		name: "x-orthrus.far", needsValue: true, values: farWords[:],
		about: "says who may open the volume where both of its heads are lost and its far header is whole: people, " +
			"who are told before they type the passphrase (the default), key files and tokens as well, or nobody",
		set: setFar,
	},

	// What other key sources will read.
	{name: "tpm2-device", also: []string{
		"tpm2-pcrs", "tpm2-pin", "tpm2-signature", "tpm2-pcrlock", "tpm2-measure-pcr", "tpm2-measure-bank", "tpm2-measure-keyslot-nvpcr",
	}, kind: kept},
	{
		name: "fido2-device",
		also: []string{"fido2-cid", "fido2-rp", "fido2-pin", "fido2-up", "fido2-uv", "fido2-parameters-in-header"}, kind: kept,
	},
	{name: "pkcs11-uri", also: []string{"token-timeout"}, kind: kept},

	// Debian's: checks are done by the program that mounts; the rest says how talkative scripts are.
	{name: "check", also: []string{"checkargs"}, kind: kept},
	{name: "loud", also: []string{"quiet"}, kind: kept},
	{name: "noearly", also: []string{"precheck", "loop", "allow-key-file-in-initramfs"}, kind: obsolete},
}

// Own is an option that only this program has.
type Own struct {
	Name   string
	Values []string // the words that it can be, or what it is in capitals; none for a flag
	About  string   // what it does, to follow its name
}

// OwnOptions lists this program's own options.
func OwnOptions() (list []Own) {
	for i := range table {
		if o := &table[i]; o.about != "" {
			list = append(list, Own{o.name, o.values, o.about})
		}
	}
	return list
}

// String is the option with its value, as in x-orthrus.far=ask|open|no.
func (o Own) String() string {
	if len(o.Values) == 0 {
		return o.Name
	}
	return o.Name + "=" + strings.Join(o.Values, "|")
}

// flagOptions are the flags of the mapping that a crypttab has words for.
func flagOptions() []option {
	var list []option
	for _, f := range target.AllCryptFlags() {
		if len(f.Table) > 0 {
			list = append(list, option{name: f.Table[0], also: f.Table[1:], set: flag(f.Flag)})
		}
	}
	return list
}

func flag(f target.CryptFlags) func(*Options, string, bool) bool {
	return func(o *Options, value string, has bool) bool {
		on := true
		if !boolean(value, has, &on) {
			return false
		}
		if on {
			o.Flags |= f
		}
		return true
	}
}

// TcryptOptions are those of TrueCrypt and VeraCrypt volumes.
type TcryptOptions struct {
	Hidden, System bool
	KeyFiles       []string `json:",omitempty"`
	PIM            int      `json:",omitzero"`
}

// Type is the format that an entry asks for.
type Type int

// The types.
const (
	AnyLUKS Type = iota // none named, or "luks"
	Plain
	Swap // plain, with a random key and swap space made on it
	Tmp  // plain, with a random key and a file system made on it
	Tcrypt
	Bitlk
	FVault2
	Other // a format this program has not; see Options.Format
)

func (t Type) String() string {
	return [...]string{"luks", "plain", "swap", "tmp", "tcrypt", "bitlk", "fvault2", "other"}[t]
}

// become: swap and tmp imply a plain volume; the word plain beside them changes nothing.
func (o *Options) become(t Type) bool {
	if t == Plain && (o.Type == Swap || o.Type == Tmp) {
		return true
	}
	o.Type = t
	return true
}

// setTries: systemd counts 0 as without end.
func setTries(o *Options, value string, _ bool) bool {
	if !integer(value, 0, 1<<20, &o.Tries) {
		return false
	}
	if o.Tries == 0 {
		o.Tries = Endless
	}
	return true
}

// Endless is the number of tries that never ends.
const Endless = 1<<31 - 1

// Cache says what is done with the passphrases of the kernel keyring.
type Cache int

// The ways to use the cache.
const (
	CacheDefault  Cache = iota // read
	CacheYes                   // read and write
	CacheNo                    // neither
	CacheReadOnly              // read
)

func setCache(o *Options, value string, _ bool) bool {
	var on bool
	switch {
	case value == "read-only":
		o.Cache = CacheReadOnly
	case !boolean(value, true, &on):
		return false
	case on:
		o.Cache = CacheYes
	default:
		o.Cache = CacheNo
	}
	return true
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

func setEcho(o *Options, value string, _ bool) bool {
	var on bool
	switch {
	case value == "masked":
		o.Echo = EchoMasked
	case !boolean(value, true, &on):
		return false
	case on:
		o.Echo = EchoYes
	default:
		o.Echo = EchoNo
	}
	return true
}

// Far says what is done with a volume both of whose heads are lost while its far header is whole.
type Far int

// The ways with a far header.
const (
	FarAsk  Far = iota // people are told before they type the passphrase; nothing else opens it
	FarOpen            // it opens like any other
	FarNo              // it is told of, and stays closed
)

// farWords are in the order of the constants.
var farWords = [...]string{"ask", "open", "no"}

func setFar(o *Options, value string, _ bool) bool {
	way := slices.Index(farWords[:], value)
	o.Far = Far(max(way, 0))
	return way >= 0
}
