// SPDX-License-Identifier: Apache-2.0

// Package refused declares the verbs that this program knows by name and does not carry out.
package refused
