// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// TellStep says with -v what is being done.
func TellStep(c *verb.Command) func(relocate.Step) {
	return func(s relocate.Step) { c.UI.Verbosef("%s", s) }
}

// ShowSteps is what --dry-run prints.
func ShowSteps(c *verb.Command, steps []relocate.Step) {
	for i, s := range steps {
		c.UI.Printf("%d. %s", i+1, s)
	}
}
