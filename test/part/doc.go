// SPDX-License-Identifier: Apache-2.0

// Package part is where a test asks how much of its work to do, and where it says what it leaves out.
//
// `make test` runs a slice of what takes long; ORTHRUS_LONG=1 (the targets of `make test-long`) runs everything. A test
// that does less than all says so here, and nowhere else: test/arch refuses every other look at ORTHRUS_LONG, and every
// skip. What is left out is a line in the file that ORTHRUS_NOT_RUN names, from which scripts/run-parts makes the
// summary, so that nobody takes a slice for the whole.
package part
