// SPDX-License-Identifier: Apache-2.0

// Package mapping has the verbs about mappings: open, close, status, resize, luksSuspend, luksResume.
package mapping
