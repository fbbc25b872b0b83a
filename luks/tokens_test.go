// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func TestTokensOfEitherVersion(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		dev, v := formatted(t, version)
		if tokens, err := v.Tokens(); len(tokens) != 0 || err != nil {
			t.Errorf("of a new volume: %v, %v", tokens, err)
		}
		if version == 1 {
			copy(dev.image[luks2.AlignUp(v.LUKS1.MaterialRoom().End()):], "LUKSMETA")
			if _, err := v.Tokens(); !errors.Is(err, luks.ErrLUKSMeta) {
				t.Errorf("where luksmeta has stored something: %v", err)
			}
			return
		}
		if _, err := v.SetToken(t.Context(), 3, []byte(`{"type":"x","keyslots":["0"],"more":1}`)); err != nil {
			t.Fatal(err)
		}
		tokens, err := v.Tokens()
		if err != nil || len(tokens) != 1 || tokens[0].ID != 3 || tokens[0].Type != "x" || len(tokens[0].Keyslots) != 1 {
			t.Errorf("%+v, %v", tokens, err)
		}
	})
}
