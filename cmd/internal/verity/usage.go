// SPDX-License-Identifier: Apache-2.0

package verity

import "github.com/orthrus-luks/orthrus/cmd/internal/setup"

// speaks is how the program speaks of itself.
func (c *call) speaks(version string) *setup.Program {
	return &setup.Program{
		Compat: "veritysetup", Called: c.program, Version: version, Grammar: grammar(&options{}), Letters: "?Vv",
		Notes: "\n<name> is the device to create under /dev/mapper\n<data_device> is the data device\n" +
			"<hash_device> is the device containing verification data\n<root_hash> hash of the root node on " +
			"<hash_device>\n" +
			"\nDefault compiled-in dm-verity parameters:\n" +
			"\tHash: sha256, Data block (bytes): 4096, Hash block (bytes): 4096, Salt size: 32, Hash format: 1\n",
	}
}
