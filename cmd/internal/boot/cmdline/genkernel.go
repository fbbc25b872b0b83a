// SPDX-License-Identifier: Apache-2.0

package cmdline

import "fmt"

// gentoo is what genkernel spreads over several parameters.
type gentoo struct{ root, swap gentooVolume }

// gentooVolume is one of its two kinds of volume, of which the root may have several.
type gentooVolume struct {
	devices                        []string
	key, keyDevice, keyType, other string // other: the header
	discards                       bool
}

// genkernel are crypt_root= (crypt_roots=, several), crypt_swap= and, for either, root_key=, root_keydev=,
// root_keydev_fstype=, root_header= and root_trim=.
func (p *parser) genkernel(q parameter) bool {
	for _, of := range []struct {
		name   string
		volume *gentooVolume
	}{{"root", &p.gentoo.root}, {"swap", &p.gentoo.swap}} {
		v := of.volume
		switch q.name {
		case "crypt-" + of.name, "crypt-" + of.name + "s":
			v.devices = append(v.devices, q.value)
		case of.name + "-key":
			v.key = q.value
		case of.name + "-keydev":
			v.keyDevice = q.value
		case of.name + "-keydev-fstype":
			v.keyType = q.value
		case of.name + "-header":
			v.other = q.value
		case of.name + "-trim":
			v.discards = p.on(q)
		default:
			continue
		}
		return true
	}
	return false
}

func (p *parser) finishGentoo() {
	p.gentooVolumes("root", p.gentoo.root)
	p.gentooVolumes("swap", p.gentoo.swap)
}

// gentooVolumes: the mappings are called root and swap, and further ones root1, root2.
func (p *parser) gentooVolumes(name string, g gentooVolume) {
	for i, device := range g.devices {
		if device == "" {
			p.s.problem("crypt_"+name, noDevice)
			continue
		}
		v := p.s.ofDevice("crypt_"+name, device)
		v.Name, v.Header, v.Key = name, g.other, g.keyText()
		if i > 0 {
			v.Name = fmt.Sprintf("%s%d", name, i)
		}
		if g.discards {
			v.Options = "discard"
		}
	}
}

// keyText is the key as a crypttab has it.
func (g gentooVolume) keyText() string {
	if g.key == "" || g.keyDevice == "" {
		return g.key
	}
	text := g.key
	if text[0] != '/' {
		text = "/" + text
	}
	text += ":" + g.keyDevice
	if g.keyType != "" {
		text += FSType + g.keyType
	}
	return text
}
