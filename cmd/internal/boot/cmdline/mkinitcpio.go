// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"strings"
)

// arch is what mkinitcpio's encrypt hook spreads over three parameters.
type arch struct {
	device, name, options string
	crypto                string
}

// cryptkey is cryptkey= for the volume before it, "" where it has none.
type cryptkey struct {
	text  string
	given bool
}

// mkinitcpio are cryptdevice=DEVICE:NAME[:OPTIONS], crypto=HASH:CIPHER:KEYSIZE:OFFSET:SKIP, and
// cryptkey=, which Alpine has too. They may stand there several times; crypto= and cryptkey= go with the
// device before them. A colon within a part is written "\:".
func (p *parser) mkinitcpio(q parameter) bool {
	switch q.name {
	case "cryptdevice":
		p.cryptdevice(q)
	case "crypto":
		p.arch.now().crypto = q.value
	case "cryptkey":
		*p.cryptkey.now() = cryptkey{q.value, true}
	default:
		return false
	}
	return true
}

func (p *parser) cryptdevice(q parameter) {
	parts := cut(q.value, 3)
	if parts[0] == "" || len(parts) < 2 || parts[1] == "" {
		p.s.problem(q.name, q.value+" is not of the form DEVICE:NAME[:OPTIONS]")
		return
	}
	p.cryptkey.next()
	a := p.arch.next()
	a.device, a.name = parts[0], parts[1]
	if len(parts) > 2 {
		a.options = parts[2]
	}
}

// cut splits at colons that have no backslash before them, into at most so many parts; the last one
// stays as it is written.
func cut(text string, most int) []string {
	var parts []string
	var part strings.Builder
	for i := 0; i < len(text); i++ {
		switch {
		case len(parts) == most-1:
			return append(parts, text[i:])
		case strings.HasPrefix(text[i:], `\:`):
			i++
			part.WriteByte(':')
		case text[i] == ':':
			parts = append(parts, part.String())
			part.Reset()
		default:
			part.WriteByte(text[i])
		}
	}
	return append(parts, part.String())
}

func (p *parser) finishArch() {
	if !p.arch.begun {
		if len(p.arch.all) > 0 {
			p.s.problem("crypto", "no cryptdevice= to go with it")
		}
		return
	}
	for i, a := range p.arch.all {
		v := p.s.ofDevice("cryptdevice", a.device)
		v.Name, v.Options = a.name, joinOptions(a.options, p.plainOptions(a))
		if i < len(p.cryptkey.all) && p.cryptkey.all[i].given {
			v.Key = p.archKey(p.cryptkey.all[i].text)
		}
	}
}

// plainOptions translates crypto=; empty parts keep their defaults.
func (p *parser) plainOptions(a *arch) string {
	if a.crypto == "" {
		return ""
	}
	parts := strings.Split(a.crypto, ":")
	if len(parts) != 5 {
		p.s.problem("crypto", a.crypto+" is not of the form HASH:CIPHER:KEYSIZE:OFFSET:SKIP")
		return ""
	}
	words := []string{"plain"}
	for i, name := range []string{"hash", "cipher", "size", "offset", "skip"} {
		if parts[i] != "" {
			words = append(words, name+"="+parts[i])
		}
	}
	return strings.Join(words, ",")
}

// archKey translates rootfs:PATH, DEVICE:FSTYPE:PATH and DEVICE:OFFSET:SIZE into a crypttab's key.
func (p *parser) archKey(text string) string {
	if path, found := strings.CutPrefix(text, "rootfs:"); found {
		return strings.ReplaceAll(path, `\:`, ":")
	}
	parts := cut(text, 3)
	if len(parts) != 3 {
		p.s.problem("cryptkey", text+" is none of rootfs:PATH, DEVICE:FSTYPE:PATH, DEVICE:OFFSET:SIZE")
		return ""
	}
	device, second, third := parts[0], parts[1], parts[2]
	if isNumber(second) && isNumber(third) {
		return RawKey + second + "," + third + ":" + device
	}
	third = strings.ReplaceAll(third, `\:`, ":")
	if !strings.HasPrefix(third, "/") {
		third = "/" + third
	}
	return third + ":" + device + FSType + second
}

// How a Volume's Key says what a crypttab cannot.
const (
	RawKey = "raw:"     // raw:OFFSET,SIZE:DEVICE, bytes of the device itself
	FSType = "#fstype=" // at the end: type of the file system that the key file is on
)

func isNumber(text string) bool { return text != "" && strings.Trim(text, "0123456789") == "" }

func joinOptions(lists ...string) string {
	var words []string
	for _, list := range lists {
		if list != "" {
			words = append(words, list)
		}
	}
	return strings.Join(words, ",")
}
