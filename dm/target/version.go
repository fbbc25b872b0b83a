// SPDX-License-Identifier: Apache-2.0

package target

import "fmt"

// Version is that of a target, or of the interface of ioctls.
type Version struct{ Major, Minor, Patch uint32 }

func (v Version) String() string { return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch) }

// AtLeast compares two versions of the same thing.
func (v Version) AtLeast(major, minor, patch uint32) bool {
	if v.Major != major {
		return v.Major > major
	}
	if v.Minor != minor {
		return v.Minor > minor
	}
	return v.Patch >= patch
}
