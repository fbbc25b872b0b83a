// SPDX-License-Identifier: Apache-2.0

// Package transcript gives the commands of the recorded sessions of cryptsetup 2.8.6 to another
// program of that name and compares what it prints and returns. Values that differ at each run are
// taken for equal; every other difference has to be explained.
package transcript
