// SPDX-License-Identifier: Apache-2.0

package sm3_test

import (
	"encoding/hex"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/sm3"
)

// The digest is that of the standard's first example. More lengths are tried in luks/hashalg.
func TestSumLeavesTheStateAsItWas(t *testing.T) {
	h := sm3.New()
	_, _ = h.Write([]byte("a"))
	h.Sum(nil)
	_, _ = h.Write([]byte("bc"))
	const want = "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0"
	if got := hex.EncodeToString(h.Sum(nil)); got != want || h.Size() != sm3.Size {
		t.Errorf("%s, want %s", got, want)
	}
}
