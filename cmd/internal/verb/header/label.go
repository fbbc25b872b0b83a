// SPDX-License-Identifier: Apache-2.0

package header

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// labels are label and subsystem as the options give them.
func labels(c *verb.Command) (label, subsystem string) {
	return fitting(c, "label", c.Opt.Label.V), fitting(c, "subsystem", c.Opt.Subsystem.V)
}

// fitting cuts what is longer than the header has room for under the name cryptsetup, as that does it, and says so.
// Under our own name it is refused when it is to be written.
func fitting(c *verb.Command, what, text string) string {
	const most = luks2.LabelSize - 1
	if c.Program != "cryptsetup" || len(text) <= most {
		return text
	}
	c.UI.Errorf("WARNING: the %s is cut to its first %d bytes.", what, most)
	return text[:most]
}
