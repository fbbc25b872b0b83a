// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"slices"
	"strings"
)

// systemd are luks.* and rd.luks.*.
func (p *parser) systemd(q parameter) bool {
	name := strings.TrimPrefix(q.name, "rd.")
	switch name {
	case "luks":
		p.s.Disabled = !p.on(q)
	case "luks.crypttab":
		p.s.NoCrypttab = !p.on(q)
	case "luks.uuid":
		p.listUUID(q)
	case "luks.name":
		if uuid, value, ok := p.perUUID(q); ok {
			v := p.s.ofUUID(q.name, uuid)
			v.Name, v.Listed = value, true
			p.only(uuid)
		}
	case "luks.data":
		if uuid, value, ok := p.perUUID(q); ok {
			v := p.s.ofUUID(q.name, uuid)
			v.Data, v.Listed = value, true
			p.only(uuid)
		}
	case "luks.options":
		p.maybePerUUID(q, &p.s.Options, func(v *Volume) *string { return &v.Options })
	case "luks.key":
		p.key(q)
	default:
		return false
	}
	return true
}

// listUUID: the uuid may have the prefix of the default mapping's name.
func (p *parser) listUUID(q parameter) {
	uuid, ok := asUUID(strings.TrimPrefix(strings.TrimPrefix(q.value, "UUID="), "luks-"))
	if !ok {
		p.s.problem(q.name, q.value+" is no uuid")
		return
	}
	p.s.ofUUID(q.name, uuid).Listed = true
	p.only(uuid)
}

// only: once a volume is named, the crypttab's other entries are not used.
func (p *parser) only(uuid string) {
	if !slices.Contains(p.s.Only, uuid) {
		p.s.Only = append(p.s.Only, uuid)
	}
}

// perUUID cuts UUID=VALUE.
func (p *parser) perUUID(q parameter) (uuid, value string, ok bool) {
	text, value, found := strings.Cut(q.value, "=")
	if uuid, ok = asUUID(text); ok && found && value != "" {
		return uuid, value, true
	}
	p.s.problem(q.name, q.value+" is not of the form UUID=VALUE")
	return "", "", false
}

// maybePerUUID: the value concerns one volume, or with no uuid in front all that have none of their own.
func (p *parser) maybePerUUID(q parameter, all *string, of func(*Volume) *string) {
	text, value, found := strings.Cut(q.value, "=")
	if uuid, ok := asUUID(text); ok && found {
		*of(p.s.ofUUID(q.name, uuid)) = value
		return
	}
	*all = q.value
}

// key is [UUID=]PATH[:KEYDEVICE] of systemd, or PATH[:KEYDEVICE[:DEVICE]] of dracut.
func (p *parser) key(q parameter) {
	path, device, volume := splitKey(q.value)
	if volume == "" {
		p.maybePerUUID(q, &p.s.Key, func(v *Volume) *string { return &v.Key })
		return
	}
	text, found := strings.CutPrefix(volume, "UUID=")
	uuid, ok := asUUID(text)
	if !found || !ok {
		p.s.problem(q.name, volume+" is not named by uuid")
		return
	}
	p.s.ofUUID(q.name, uuid).Key = path + ":" + device
}

// splitKey cuts before what looks like a device.
func splitKey(text string) (path, device, volume string) {
	var cuts []int
	for i := range len(text) {
		if text[i] == ':' && looksLikeDevice(text[i+1:]) {
			cuts = append(cuts, i)
		}
	}
	switch {
	case len(cuts) == 0:
		return text, "", ""
	case len(cuts) == 1:
		return text[:cuts[0]], text[cuts[0]+1:], ""
	}
	return text[:cuts[0]], text[cuts[0]+1 : cuts[1]], text[cuts[1]+1:]
}

func looksLikeDevice(text string) bool {
	for _, start := range []string{"/dev/", "UUID=", "LABEL=", "PARTUUID=", "PARTLABEL=", "ID="} {
		if strings.HasPrefix(text, start) {
			return true
		}
	}
	return false
}

// asUUID gives a uuid of a LUKS header in lower case.
func asUUID(text string) (string, bool) {
	text = strings.ToLower(strings.Trim(text, `"`))
	if len(text) != 36 {
		return "", false
	}
	for i, c := range []byte(text) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		digit := c >= '0' && c <= '9' || c >= 'a' && c <= 'f'
		if dash != (c == '-') || !dash && !digit {
			return "", false
		}
	}
	return text, true
}
