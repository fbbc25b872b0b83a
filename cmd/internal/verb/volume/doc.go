// SPDX-License-Identifier: Apache-2.0

// Package volume loads the volume that a command line names, and ends what was begun on it: heads that are
// not both in order, transactions that were cut off, a far header that lags. It also holds what writes to it
// back with --dry-run, and the words for what only volumes can suffer.
package volume
