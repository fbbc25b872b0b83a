// SPDX-License-Identifier: Apache-2.0

// Package outside tests the public packages as whoever imports them meets them: three programs are copied into a module
// of their own, vetted, and run, with the race detector where a C compiler is there.
package outside
