// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"encoding/json"
)

// PrintJSON writes a report for programs: one object, two spaces deep.
func (c *Command) PrintJSON(v any) error {
	enc := json.NewEncoder(c.UI.Out)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}
