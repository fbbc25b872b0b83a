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

// mkinitcpio are cryptdevice=DEVICE:NAME[:OPTIONS], crypto=HASH:CIPHER:KEYSIZE:OFFSET:SKIP, and
// cryptkey=, which Alpine has too and which is looked at in the end.
func (p *parser) mkinitcpio(q parameter) bool {
	switch q.name {
	case "cryptdevice":
		p.cryptdevice(q)
	case "crypto":
		p.arch.crypto = q.value
	case "cryptkey":
		p.cryptkeys = append(p.cryptkeys, q.value)
	default:
		return false
	}
	return true
}

func (p *parser) cryptdevice(q parameter) {
	parts := strings.SplitN(q.value, ":", 3)
	if parts[0] == "" || len(parts) < 2 || parts[1] == "" {
		p.s.problem(q.name, q.value+" is not of the form DEVICE:NAME[:OPTIONS]")
		return
	}
	p.arch.device, p.arch.name = parts[0], parts[1]
	if len(parts) > 2 {
		p.arch.options = parts[2]
	}
}

func (p *parser) finishArch() {
	if p.arch.device == "" {
		if p.arch.crypto != "" {
			p.s.problem("crypto", "no cryptdevice= to go with it")
		}
		return
	}
	v := p.s.ofDevice("cryptdevice", p.arch.device)
	v.Name, v.Options = p.arch.name, joinOptions(p.arch.options, p.plainOptions())
	for _, key := range p.cryptkeys {
		v.Key = p.archKey(key)
	}
}

// plainOptions translates crypto=; empty parts keep their defaults.
func (p *parser) plainOptions() string {
	if p.arch.crypto == "" {
		return ""
	}
	parts := strings.Split(p.arch.crypto, ":")
	if len(parts) != 5 {
		p.s.problem("crypto", p.arch.crypto+" is not of the form HASH:CIPHER:KEYSIZE:OFFSET:SKIP")
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
		return path
	}
	parts := strings.SplitN(text, ":", 3)
	if len(parts) != 3 {
		p.s.problem("cryptkey", text+" is none of rootfs:PATH, DEVICE:FSTYPE:PATH, DEVICE:OFFSET:SIZE")
		return ""
	}
	device, second, third := parts[0], parts[1], parts[2]
	if isNumber(second) && isNumber(third) {
		return RawKey + second + "," + third + ":" + device
	}
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
