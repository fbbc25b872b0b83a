// SPDX-License-Identifier: Apache-2.0

// Package manual writes the man pages and the completions of bash, zsh and fish. Names, arguments
// and one-line descriptions come from the tables of package cli; what a page says beyond them, and
// the fields of each --json report, stand here. No program imports it but its generator.
package manual
