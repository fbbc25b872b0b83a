// SPDX-License-Identifier: Apache-2.0

package volume

import "github.com/orthrus-luks/orthrus/luks/far"

// AndFar ends a sentence on a change of the header that is made: whether it is in the far header too.
func (v *Volume) AndFar() string {
	if v.Version != 2 || v.FarLag != nil {
		return ""
	}
	if _, _, found, err := far.Find(v.Metadata()); err != nil || !found {
		return ""
	}
	return ", in the far header too"
}
