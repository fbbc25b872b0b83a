// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"path/filepath"
	"strings"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/folder"
)

// mapping is one that is open. The kernel tells everybody of it.
type mapping struct {
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	Suspended bool   `json:"suspended"`

	kind string // LUKS1, LUKS2, plain, …
	uuid string // without hyphens; "" for a mapping without a header
}

// mappingsOf are the crypt mappings by the kernel's name of the device below.
func mappingsOf(all []block.Info) map[string][]mapping {
	found := map[string][]mapping{}
	for _, d := range all {
		m, ok := asMapping(d)
		if !ok {
			continue
		}
		below, _ := folder.Names(filepath.Join("/sys/class/block", d.Name, "slaves"))
		for _, device := range below {
			found[device] = append(found[device], m)
		}
	}
	return found
}

// asMapping reads "CRYPT-LUKS2-<uuid>-<name>" and "CRYPT-PLAIN-<name>".
func asMapping(d block.Info) (mapping, bool) {
	parts := strings.SplitN(d.DMUUID, "-", 4)
	if len(parts) < 3 || parts[0] != "CRYPT" {
		return mapping{}, false
	}
	m := mapping{Name: dm.Unmangle(d.DMName), Size: d.Size, Suspended: suspended(d), kind: parts[1]}
	if strings.HasPrefix(m.kind, "LUKS") {
		m.uuid = parts[2]
	} else {
		m.kind = strings.ToLower(m.kind)
	}
	return m, true
}

func suspended(d block.Info) bool { return block.Attribute(d.Major, d.Minor, "dm/suspended") == "1" }
