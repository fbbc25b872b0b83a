// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"strconv"
	"strings"
)

// NameKeyslots is "keyslot 1" or "keyslots 0, 1".
func NameKeyslots(ids []int) string {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = strconv.Itoa(id)
	}
	if len(ids) == 1 {
		return "keyslot " + texts[0]
	}
	return "keyslots " + strings.Join(texts, ", ")
}
