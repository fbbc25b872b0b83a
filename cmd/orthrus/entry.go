// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package main

// Go's runtime reserves addresses before the first line of Go runs, more than it uses, and dies with exit code 2 where
// RLIMIT_AS (ulimit -v) leaves it none: to a script that is a wrong passphrase. The Makefile has the linker begin at
// entry, which looks at the limit first and ends with exit code 3, not enough memory, and a line that says why.

// leastAddresses is what the runtime and the program were measured to need, bytes: with less it lives or dies by where
// its reservations happen to fall.
const leastAddresses = 1400 << 20

// tooFew is a string that is there before anything of Go has run.
var tooFew = "Not enough memory: the limit on addresses (ulimit -v) is below 1400 MiB.\n"

// entry is where the kernel starts the program; it goes on to the runtime's own beginning.
func entry()
