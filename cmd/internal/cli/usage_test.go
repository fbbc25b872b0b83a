// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"os"
	"testing"
)

func TestUsageEqualsCryptsetupsSynopsis(t *testing.T) {
	want, err := os.ReadFile("testdata/usage.txt")
	if err != nil {
		t.Fatal(err)
	}
	if got := usage("cryptsetup"); got != string(want) {
		t.Fatalf("synopsis differs:\n%s", got)
	}
}
