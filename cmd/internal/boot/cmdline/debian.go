// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
)

// debian is cryptopts=target=NAME,source=DEVICE,key=FILE and the options of a crypttab; it may be
// given for several volumes.
func (p *parser) debian(q parameter) bool {
	if q.name != "cryptopts" {
		return false
	}
	v := Volume{From: q.name, Name: "cryptroot", Listed: true}
	var rest []string
	for _, word := range crypttab.SplitOptions(q.value) {
		name, value, _ := strings.Cut(word, "=")
		switch name {
		case "target":
			v.Name = value
		case "source":
			v.Device = value
		case "key":
			v.Key = value
		case "rootdev", "resumedev", "lvm":
			// Which of the volumes is the root follows from root=.
		default:
			rest = append(rest, strings.ReplaceAll(word, ",", `\,`))
		}
	}
	if v.Device == "" || v.Name == "" {
		p.s.problem(q.name, "source= is missing")
		return true
	}
	v.Options = strings.Join(rest, ",")
	p.s.Volumes = append(p.s.Volumes, v)
	return true
}
