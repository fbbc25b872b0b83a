// SPDX-License-Identifier: Apache-2.0

// Package header has the verbs that make, show, copy and convert headers.
package header
