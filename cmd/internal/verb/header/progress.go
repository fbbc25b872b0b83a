// SPDX-License-Identifier: Apache-2.0

package header

import (
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
)

// wipeProgress reports how much of the header's room has been wiped: at a terminal once that takes
// long enough to wonder, elsewhere only as --progress-frequency and --progress-json ask. cryptsetup says nothing of it.
func wipeProgress(c *verb.Command, path string) func(done, total uint64) {
	if c.StandsIn() {
		return nil
	}
	return progressOf(c, path)
}

// progressOf reports how far a work is.
func progressOf(c *verb.Command, path string) func(done, total uint64) {
	p := &ui.Progress{
		Out: c.UI.Out, Device: path, JSON: c.Opt.ProgressJSON, Quiet: c.UI.Batch || !c.UI.Interactive(), Fit: c.UI.Own,
		Frequency: time.Duration(c.Opt.ProgressFrequency.V) * time.Second,
	}
	return func(done, total uint64) {
		if p.Total == 0 {
			p.Total = total
			p.Start()
		}
		p.Update(done)
	}
}
