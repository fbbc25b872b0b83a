// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"bytes"
	"encoding/json"
)

// PrintJSON writes a report for programs: one object, two spaces deep.
func (c *Command) PrintJSON(v any) error {
	var text bytes.Buffer
	enc := json.NewEncoder(&text)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(v); err != nil {
		return err
	}
	return c.UI.ShowJSON(text.Bytes())
}
