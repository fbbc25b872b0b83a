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
		if v, value, ok := p.perUUID(q); ok {
			v.Name, v.Listed = value, true
			p.only(v.UUID)
		}
	case "luks.data":
		if v, value, ok := p.perUUID(q); ok {
			v.Data, v.Listed = value, true
			p.only(v.UUID)
		}
	case "luks.header":
		if v, value, ok := p.perUUID(q); ok {
			v.Header = value
		}
	case "luks.label":
		p.reference(q, "LABEL=")
	case "luks.options":
		p.maybePerUUID(q, &p.s.Options, func(v *Volume) *string { return &v.Options })
	case "luks.key":
		p.key(q)
	default:
		return false
	}
	return true
}

// listUUID: the uuid may have the prefix of the default mapping's name, and be only the beginning of
// one; a label and its like may stand in its place.
func (p *parser) listUUID(q parameter) {
	text := strings.TrimPrefix(strings.TrimPrefix(q.value, "UUID="), "luks-")
	uuid, ok := asUUID(text)
	if !ok {
		uuid, ok = asBeginning(text)
	}
	switch {
	case ok:
		p.s.ofUUID(q.name, uuid).Listed = true
		p.only(uuid)
	case isReference(q.value):
		p.s.ofDevice(q.name, q.value)
	default:
		p.s.problem(q.name, q.value+" is no uuid")
	}
}

// only: once a volume is named, the crypttab's other entries are not used.
func (p *parser) only(uuid string) {
	if uuid != "" && !slices.Contains(p.s.Only, uuid) {
		p.s.Only = append(p.s.Only, uuid)
	}
}

// references begin what names a device in the place of a uuid.
var references = []string{"LABEL=", "PARTUUID=", "PARTLABEL=", "ID="}

func isReference(text string) bool {
	return slices.ContainsFunc(references, func(start string) bool {
		return len(text) > len(start) && strings.HasPrefix(text, start)
	})
}

// reference lists the device whose label, or the like, is the value.
func (p *parser) reference(q parameter, kind string) {
	if q.value == "" {
		p.s.problem(q.name, noDevice)
		return
	}
	p.s.ofDevice(q.name, kind+q.value)
}

// whose cuts WHO=VALUE, where WHO is a uuid, or a label and its like.
func (p *parser) whose(from, text string) (v *Volume, value string, ok bool) {
	start := ""
	for _, r := range references {
		if strings.HasPrefix(text, r) {
			start = r
		}
	}
	who, value, found := strings.Cut(text[len(start):], "=")
	uuid, isUUID := asUUID(who)
	switch {
	case !found || who == "":
		return nil, "", false
	case start != "":
		return p.s.described(from, start+who), value, true
	case isUUID:
		return p.s.ofUUID(from, uuid), value, true
	}
	return nil, "", false
}

// perUUID is WHO=VALUE, with a value.
func (p *parser) perUUID(q parameter) (v *Volume, value string, ok bool) {
	v, value, ok = p.whose(q.name, q.value)
	if !ok || value == "" {
		p.s.problem(q.name, q.value+" is not of the form UUID=VALUE")
		return nil, "", false
	}
	return v, value, true
}

// maybePerUUID: the value concerns one volume, or with none in front all that have none of their own.
func (p *parser) maybePerUUID(q parameter, all *string, of func(*Volume) *string) {
	if v, value, ok := p.whose(q.name, q.value); ok {
		*of(v) = value
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
	text, ok := asBeginning(text)
	return text, ok && len(text) == uuidLength
}

const uuidLength = 36

// asBeginning gives the beginning of a uuid in lower case.
func asBeginning(text string) (string, bool) {
	text = strings.ToLower(strings.Trim(text, `"`))
	if len(text) == 0 || len(text) > uuidLength {
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
