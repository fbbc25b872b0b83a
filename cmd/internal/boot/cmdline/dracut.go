// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
)

// dracut are the parameters of rd.luks.* that systemd does not know.
func (p *parser) dracut(q parameter) bool {
	switch q.name {
	case "rd.luks.partuuid":
		p.reference(q, "PARTUUID=")
	case "rd.luks.serial":
		p.reference(q, "SERIAL=")
	case "rd.luks.allow-discards":
		p.discards(q)
	case "rd.luks.timeout":
		p.span(q, &p.s.Timeout)
	case "rd.luks.tries":
		p.tries(q)
	case "rd.luks.key.tout":
		var s crypttab.Span
		p.span(q, &s)
		p.s.KeyTimeout = max(s.V, 0*time.Second)
	case "rd-NO-LUKS":
		p.s.Disabled = true
	case "rd-LUKS-UUID":
		p.listUUID(q)
	default:
		return false
	}
	return true
}

func (p *parser) discards(q parameter) {
	if !q.has {
		p.s.AllDiscards = true
		return
	}
	uuid, ok := asUUID(strings.TrimPrefix(q.value, "luks-"))
	if !ok {
		p.s.problem(q.name, q.value+" is no uuid")
		return
	}
	p.s.Discards = append(p.s.Discards, uuid)
}

func (p *parser) tries(q parameter) {
	o := crypttab.ParseOptions("tries=" + q.value)
	if len(o.Problems) > 0 {
		p.s.problem(q.name, q.value+" is no number of tries")
		return
	}
	p.s.Tries = o.Tries
}
