// SPDX-License-Identifier: Apache-2.0

package manual

import "testing"

func TestTextIsProtectedFromRoff(t *testing.T) {
	if got := escape("a-b\\n\n.dot\n'quote"); got != "a\\-b\\en\n\\&.dot\n\\&'quote" {
		t.Errorf("%q", got)
	}
}
