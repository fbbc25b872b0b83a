// SPDX-License-Identifier: Apache-2.0

package text

import (
	"bytes"
	"encoding/json"
	"testing"
)

// FuzzPretty: laying out changes blanks and nothing else.
func FuzzPretty(f *testing.F) {
	for _, raw := range []string{`{}`, `{"a":[1,{"b":"\\\""}],"c":[]}`, `"x"`, `[[],[[]]]`} {
		f.Add([]byte(raw))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		pretty, err := Pretty(raw)
		if (err == nil) != json.Valid(raw) {
			t.Fatalf("%q: %v", raw, err)
		}
		if err != nil {
			return
		}
		var before, after bytes.Buffer
		if json.Compact(&before, raw) != nil || json.Compact(&after, pretty) != nil ||
			!bytes.Equal(before.Bytes(), after.Bytes()) {
			t.Fatalf("%q became %q", raw, pretty)
		}
	})
}
