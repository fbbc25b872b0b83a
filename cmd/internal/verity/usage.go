// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"fmt"
	"path/filepath"
)

// compatVersion is the release of veritysetup whose behaviour this program follows.
const compatVersion = "2.8.6"

// compatible: the program stands in for veritysetup, whose options it shows.
func compatible(program string) bool { return filepath.Base(program) == "veritysetup" }

func versionText(program, version string) string {
	const features = "flags: UDEV BLKID KEYRING KERNEL_CAPI "
	if compatible(program) {
		return fmt.Sprintf("veritysetup %s %s\n", compatVersion, features)
	}
	return fmt.Sprintf("%s %s (veritysetup %s compatible) %s\n", program, version, compatVersion, features)
}

func usageText(program string) string {
	return grammar(&options{}).Usage(program, "?Vv", !compatible(program))
}

func helpText(program, version string) string {
	return versionText(program, version) + grammar(&options{}).Help(program, !compatible(program)) +
		"\n<name> is the device to create under /dev/mapper\n<data_device> is the data device\n" +
		"<hash_device> is the device containing verification data\n<root_hash> hash of the root node on " +
		"<hash_device>\n" +
		"\nDefault compiled-in dm-verity parameters:\n" +
		"\tHash: sha256, Data block (bytes): 4096, Hash block (bytes): 4096, Salt size: 32, Hash format: 1\n"
}
