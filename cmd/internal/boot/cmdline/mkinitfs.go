// SPDX-License-Identifier: Apache-2.0

package cmdline

import "strings"

// alpine is what mkinitfs spreads over several parameters.
type alpine struct {
	root, name, header, offset string
	discards                   bool
}

func (p *parser) mkinitfs(q parameter) bool {
	switch q.name {
	case "cryptroot":
		p.alpine.root = q.value
	case "cryptdm":
		p.alpine.name = q.value
	case "cryptheader":
		p.alpine.header = q.value
	case "cryptoffset":
		p.alpine.offset = q.value
	case "cryptdiscards":
		p.alpine.discards = p.on(q)
	default:
		return false
	}
	return true
}

func (p *parser) finishAlpine() {
	a := p.alpine
	if a.root == "" {
		if a.name+a.header+a.offset != "" || a.discards {
			p.s.problem("cryptdm", "no cryptroot= to go with it")
		}
		return
	}
	v := p.s.ofDevice("cryptroot", a.root)
	v.Name, v.Header = a.name, a.header
	if v.Name == "" {
		v.Name = "cryptroot"
		if name, found := strings.CutPrefix(p.s.Root, "/dev/mapper/"); found {
			v.Name = name
		}
	}
	if a.discards {
		v.Options = "discard"
	}
	if a.offset != "" && a.offset != "0" {
		p.s.problem("cryptoffset", "the place of the data is taken from the header")
	}
	if p.arch.device == "" {
		p.alpineKey(v)
	}
}

// alpineKey: cryptkey alone stands for the file that installers put into the initial file system.
func (p *parser) alpineKey(v *Volume) {
	for _, key := range p.cryptkeys {
		switch key {
		case "", "yes":
			v.Key = "/crypto_keyfile.bin"
		case "no":
			v.Key = ""
		default:
			v.Key = key
		}
	}
}
