// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// wipeProgress reports how much of the header's room has been wiped: at a terminal once that takes
// long enough to wonder, elsewhere only as --progress-frequency and --progress-json ask.
func (c *command) wipeProgress(path string) func(done, total uint64) {
	p := &ui.Progress{
		Out: c.ui.Out, Device: path, JSON: c.o.ProgressJSON, Quiet: c.ui.Batch || !c.ui.Interactive(),
		Frequency: time.Duration(c.o.ProgressFrequency.V) * time.Second,
	}
	return func(done, total uint64) {
		if p.Total == 0 {
			p.Total = total
			p.Start()
		}
		p.Update(done)
	}
}
