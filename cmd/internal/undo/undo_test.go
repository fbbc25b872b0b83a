// SPDX-License-Identifier: Apache-2.0

package undo

import "testing"

func TestNamesOfUndoCopiesStayInTheirDirectory(t *testing.T) {
	for uuid, want := range map[string]string{
		"11111111-2222-4333-8444-555555555555": "11111111-2222-4333-8444-555555555555",
		"../../etc/passwd":                     "______etc_passwd",
		"":                                     "unnamed",
		"a\x00b":                               "a_b",
	} {
		if got := PlainName(uuid); got != want {
			t.Errorf("%q: %q", uuid, got)
		}
	}
}
