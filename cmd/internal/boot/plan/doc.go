// SPDX-License-Identifier: Apache-2.0

// Package plan decides from a crypttab and a kernel command line what to unlock: which volumes, on
// which devices, by which keys, and what happens when one of them stays away. It looks at nothing
// but its arguments, so the maker of an initial file system can ask for the plan of another boot.
package plan
