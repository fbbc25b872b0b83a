// SPDX-License-Identifier: Apache-2.0

// Package arch holds the rules of the repository that a compiler does not
// check: which package may import which, where unsafe may be used, which
// folders there are, and that each file names its licence. Its tests read the
// source of every package for every processor, without building it.
package arch
