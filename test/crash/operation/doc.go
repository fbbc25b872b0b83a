// SPDX-License-Identifier: Apache-2.0

// Package operation holds the operations on real volumes that package crash tries, and the judgement
// of their crash states: which passphrases open, whether the metadata is that of before or of after, and
// whether the two heads are in order.
package operation
