// SPDX-License-Identifier: Apache-2.0

package early

import (
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot"
)

// placeholders fill in what advice leaves open: how this program was called, and which device it is about.
type placeholders struct {
	program string
	nodes   map[string]string // of volumes, by name
	device  string            // of the event at hand
}

func newPlaceholders(program string) *placeholders {
	return &placeholders{program: program, nodes: map[string]string{}}
}

// saw learns where a volume is.
func (p *placeholders) saw(e boot.Event) {
	switch e.Kind {
	case boot.Found:
		p.nodes[e.Volume] = e.Text
	case boot.FarHeader: // told before the device is found
		p.nodes[e.Volume] = e.Node
	}
	p.device = p.nodes[e.Volume]
}

func (p *placeholders) fill(text string) string {
	device := p.device
	if device == "" {
		device = "DEVICE"
	}
	return strings.NewReplacer("{program}", p.program, "{device}", device).Replace(text)
}
