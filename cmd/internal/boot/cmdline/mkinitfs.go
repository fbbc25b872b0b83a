// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"fmt"
	"strings"
)

// alpine is what mkinitfs spreads over several parameters.
type alpine struct {
	root, name, header, offset string
	discards                   bool
}

// mkinitfs are cryptroot=DEVICE and, each for the one before it, cryptdm=NAME, cryptheader=, cryptkey=,
// cryptoffset= and cryptdiscards.
func (p *parser) mkinitfs(q parameter) bool {
	switch q.name {
	case "cryptroot":
		p.cryptkey.next()
		p.alpine.next().root = q.value
	case "cryptdm":
		p.alpine.now().name = q.value
	case "cryptheader":
		p.alpine.now().header = q.value
	case "cryptoffset":
		p.alpine.now().offset = q.value
	case "cryptdiscards":
		p.alpine.now().discards = p.on(q)
	default:
		return false
	}
	return true
}

func (p *parser) finishAlpine() {
	if !p.alpine.begun {
		if len(p.alpine.all) > 0 {
			p.s.problem("cryptdm", "no cryptroot= to go with it")
		}
		return
	}
	for i, a := range p.alpine.all {
		if a.root == "" {
			p.s.problem("cryptroot", noDevice)
			continue
		}
		v := p.s.ofDevice("cryptroot", a.root)
		v.Header, v.Name = a.header, p.alpineName(a, i)
		if a.discards {
			v.Options = "discard"
		}
		if a.offset != "" && a.offset != "0" {
			p.s.problem("cryptoffset", "the place of the data is taken from the header")
		}
		if !p.arch.begun && i < len(p.cryptkey.all) {
			v.Key = alpineKey(p.cryptkey.all[i])
		}
	}
}

// alpineName: the first one is the root where nothing else is said.
func (p *parser) alpineName(a *alpine, index int) string {
	name, found := strings.CutPrefix(p.s.Root, "/dev/mapper/")
	switch {
	case a.name != "":
		return a.name
	case index > 0:
		return fmt.Sprintf("cryptroot%d", index)
	case found:
		return name
	}
	return "cryptroot"
}

// alpineKey: cryptkey alone stands for the file that installers put into the initial file system.
func alpineKey(key *cryptkey) string {
	switch {
	case !key.given, key.text == "no":
		return ""
	case key.text == "", key.text == "yes":
		return "/crypto_keyfile.bin"
	}
	return key.text
}
