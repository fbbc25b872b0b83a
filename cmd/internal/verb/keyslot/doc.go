// SPDX-License-Identifier: Apache-2.0

// Package keyslot has the verbs about keyslots and tokens.
package keyslot
