// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestTheVersionIsToldWithItsCommit(t *testing.T) {
	for _, c := range []struct{ version, commit, want string }{
		{"", "", "0.0.0-dev"},
		{"1.2.3", "", "1.2.3"},
		{"1.2.3", "0123456789ab", "1.2.3, commit 0123456789ab"},
		{"", "0123456789ab-dirty", "0.0.0-dev, commit 0123456789ab-dirty"},
	} {
		if got := built(c.version, c.commit); got != c.want {
			t.Errorf("%q %q: %q, want %q", c.version, c.commit, got, c.want)
		}
	}
}
