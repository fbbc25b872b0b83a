// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"encoding/json"
)

// printJSON writes a report for programs: one object, two spaces deep.
func (c *command) printJSON(v any) error {
	enc := json.NewEncoder(c.ui.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
