// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"encoding/json"
	"strings"
)

// FarTokenType and ResizeTokenType are those of the tokens by which our program remembers.
const (
	FarTokenType    = "orthrus-far"
	ResizeTokenType = "orthrus-resize"
)

// FarToken is what the heads say of the far header. Bytes.
type FarToken struct {
	Phase                 string
	Locator, Body, Length int64 // zeros where none is in force
	Device                int64 // its size when the volume was last stable
}

func farToken(v *View) *FarToken {
	for _, t := range v.Tokens {
		if t.Type != FarTokenType {
			continue
		}
		var fields struct {
			Phase  string
			Far    []string
			Device []string
		}
		if json.Unmarshal([]byte(t.Text), &fields) != nil || len(fields.Far) != 3 || len(fields.Device) == 0 {
			return &FarToken{Phase: "unreadable"}
		}
		return &FarToken{
			Phase: strings.TrimSpace(fields.Phase), Locator: number(fields.Far[0]), Body: number(fields.Far[1]),
			Length: number(fields.Far[2]),
			Device: number(fields.Device[0]),
		}
	}
	return nil
}
