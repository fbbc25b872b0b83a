// SPDX-License-Identifier: Apache-2.0

package crypttab

import (
	"strconv"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/target"
)

// kind tells options that do something from those that are only known.
type kind int

const (
	effective kind = iota
	kept           // concerns others, who find it in Options.Kept
	obsolete       // why says in what way
	refused        // a format that is not supported; why names it
)

// option is one option of the dialects.
type option struct {
	name       string
	also       []string // other spellings
	kind       kind
	why        string
	needsValue bool
	set        func(o *Options, value string, has bool) bool // false: the value cannot be
}

// options is the table; it is made when the first option is looked up.
var options = sync.OnceValue(func() []option {
	return append(flagOptions(), []option{
		// Formats.
		{name: "luks", set: func(o *Options, _ string, _ bool) bool { return o.become(AnyLUKS) }},
		{name: "plain", set: func(o *Options, _ string, _ bool) bool { return o.become(Plain) }},
		{name: "swap", set: func(o *Options, _ string, _ bool) bool { return o.become(Swap) }},
		{name: "tmp", set: func(o *Options, v string, _ bool) bool { o.TmpFS = v; return o.become(Tmp) }},
		{name: "tcrypt", also: []string{"tcrypt-hidden", "tcrypthidden", "tcrypt-system", "tcryptsystem", "tcrypt-veracrypt", "veracrypt", "tcrypt-keyfile", "veracrypt-pim", "veracrypt-query-pim"}, kind: refused, why: "tcrypt"},
		{name: "bitlk", kind: refused, why: "bitlk"},
		{name: "fvault2", kind: refused, why: "fvault2"},

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
		{name: "key-slot", also: []string{"keyslot"}, needsValue: true, set: func(o *Options, v string, _ bool) bool { return integer(v, 0, 255, &o.Keyslot) }},
		{name: "keyfile-offset", needsValue: true, set: func(o *Options, v string, _ bool) bool { return number(v, &o.KeyFileOffset) }},
		{name: "keyfile-size", needsValue: true, set: func(o *Options, v string, _ bool) bool { return number(v, &o.KeyFileSize) }},
		{name: "keyfile-erase", set: func(o *Options, v string, has bool) bool { return boolean(v, has, &o.KeyFileErase) }},
		{name: "keyfile-timeout", needsValue: true, set: func(o *Options, v string, _ bool) bool { return span(v, &o.KeyFileTimeout) }},
		{name: "keyscript", needsValue: true, set: func(o *Options, v string, _ bool) bool { o.KeyScript = v; return true }},
		{name: "link-volume-key", needsValue: true, set: func(o *Options, v string, _ bool) bool { o.LinkVolumeKey = v; return true }},
		{name: "fixate-volume-key", needsValue: true, set: func(o *Options, v string, _ bool) bool { o.Fixed = v; return true }},
		{name: "try-empty-password", set: func(o *Options, v string, has bool) bool { return boolean(v, has, &o.TryEmpty) }},
		{name: "password-cache", needsValue: true, set: setCache},

		// People.
		{name: "tries", needsValue: true, set: setTries},
		{name: "timeout", needsValue: true, set: func(o *Options, v string, _ bool) bool { return span(v, &o.Timeout) }},
		{name: "verify", set: func(o *Options, _ string, _ bool) bool { o.Verify = true; return true }},
		{name: "password-echo", needsValue: true, set: setEcho},
		{name: "headless", set: func(o *Options, v string, has bool) bool { return boolean(v, has, &o.Headless) }},

		// The mapping.
		{name: "readonly", also: []string{"read-only"}, set: func(o *Options, _ string, _ bool) bool { o.ReadOnly = true; return true }},

		// Boot.
		{name: "x-systemd.device-timeout", needsValue: true, set: func(o *Options, v string, _ bool) bool { return span(v, &o.DeviceTimeout) }},
		{name: "noauto", set: func(o *Options, _ string, _ bool) bool { o.NoAuto = true; return true }},
		{name: "auto", set: func(o *Options, _ string, _ bool) bool { o.NoAuto = false; return true }},
		{name: "nofail", set: func(o *Options, _ string, _ bool) bool { o.NoFail = true; return true }},
		{name: "initramfs", also: []string{"x-initrd.attach"}, set: func(o *Options, _ string, _ bool) bool { o.Initrd = true; return true }},
		{name: "_netdev", set: func(o *Options, _ string, _ bool) bool { o.Network = true; return true }},

		// This program's own.
		{name: "x-orthrus.degraded", set: func(o *Options, v string, has bool) bool { return boolean(v, has, &o.Degraded) }},
		{name: "x-orthrus.ciphers", needsValue: true, set: func(o *Options, v string, _ bool) bool { o.Ciphers = v; return true }},
		{name: "x-orthrus.far", needsValue: true, set: setFar},
		{name: "x-orthrus.pin", needsValue: true, set: func(o *Options, v string, _ bool) bool { o.Pin = v; return hexadecimal(v) }},

		// What other key sources will read.
		{name: "tpm2-device", also: []string{
			"tpm2-pcrs", "tpm2-pin", "tpm2-signature", "tpm2-pcrlock", "tpm2-measure-pcr", "tpm2-measure-bank", "tpm2-measure-keyslot-nvpcr",
		}, kind: kept},
		{name: "fido2-device", also: []string{"fido2-cid", "fido2-rp", "fido2-pin", "fido2-up", "fido2-uv", "fido2-parameters-in-header"}, kind: kept},
		{name: "pkcs11-uri", also: []string{"token-timeout"}, kind: kept},

		// Debian's: checks are done by the program that mounts; the rest says how talkative scripts are.
		{name: "check", also: []string{"checkargs"}, kind: kept},
		{name: "loud", also: []string{"quiet"}, kind: kept},
		{name: "noearly", also: []string{"precheck", "loop", "allow-key-file-in-initramfs"}, kind: obsolete},
	}...)
})

// become: swap and tmp imply a plain volume; the word plain beside them changes nothing.
func (o *Options) become(t Type) bool {
	if t == Plain && (o.Type == Swap || o.Type == Tmp) {
		return true
	}
	o.Type = t
	return true
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

func setFar(o *Options, value string, _ bool) bool {
	way, known := map[string]Far{"ask": FarAsk, "open": FarOpen, "no": FarNo}[value]
	o.Far = way
	return known
}

func number(text string, to *uint64) bool {
	n, err := strconv.ParseUint(text, 10, 53)
	if err == nil {
		*to = n
	}
	return err == nil
}

func integer(text string, least, most int, to *int) bool {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return false
	}
	*to = n
	return true
}
