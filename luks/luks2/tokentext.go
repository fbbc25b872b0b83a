// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"slices"
	"strconv"
)

// WithKeyslot returns the text of a token with a keyslot added to its list; members and their order stay. The
// error is a DamageError where the text is no token.
func WithKeyslot(token []byte, id int) ([]byte, error) {
	o, err := parseObject(token)
	if err != nil {
		return nil, broken("token", "%v", err)
	}
	if o.get("keyslots") == nil {
		return nil, broken("token.keyslots", "missing")
	}
	names, err := o.strings("keyslots")
	if err != nil {
		return nil, err
	}
	if name := strconv.Itoa(id); !slices.Contains(names, name) {
		o.set("keyslots", list(append(names, name)))
	}
	return o.text(), nil
}
