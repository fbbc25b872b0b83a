// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"path"
	"strings"
)

// DefaultPath is where the configuration is.
const DefaultPath = "/etc/orthrus/guard.conf"

// Rule is a section: what it sets for the devices that its head selects.
type Rule struct {
	Kind    string // "uuid", "path" or "transport"
	Pattern string
	set     []func(*Policy)
}

// Default observes and reports: what each setting says.
func Default() Config {
	var c Config
	for _, s := range Settings() {
		switch {
		case s.Default == "":
		case s.OfGuard():
			s.ofGuard(&c, s.Default)
		default:
			s.ofDevice(&c.Default, s.Default)
		}
	}
	return c
}

// Subject is what sections select by.
type Subject struct {
	UUID      string   // of the volume, "" where nothing tells
	Paths     []string // the node and the links to it
	Transport string   // "usb", "sata", "nvme", "virtio", …
}

// For is the policy for a device.
func (c Config) For(s Subject) Policy {
	p := c.Default
	for _, r := range c.Rules {
		if r.selects(s) {
			for _, set := range r.set {
				set(&p)
			}
		}
	}
	return p
}

func (r Rule) selects(s Subject) bool {
	switch r.Kind {
	case "uuid":
		return s.UUID != "" && strings.EqualFold(r.Pattern, s.UUID)
	case "transport":
		return r.Pattern == s.Transport
	}
	for _, p := range s.Paths {
		if match, _ := path.Match(r.Pattern, p); match {
			return true
		}
	}
	return false
}
