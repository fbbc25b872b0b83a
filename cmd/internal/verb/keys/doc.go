// SPDX-License-Identifier: Apache-2.0

// Package keys gets secrets from wherever the options say, unlocks volumes with them, and decides how new
// keyslots are derived.
package keys
