// SPDX-License-Identifier: Apache-2.0

// Package mend has the verbs for headers in trouble: check, repair, rescue.
package mend
