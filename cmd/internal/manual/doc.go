// SPDX-License-Identifier: Apache-2.0

// Package manual writes the man pages, the completions of bash, zsh and fish, and the guard's sample
// configuration. Names, arguments and one-line descriptions come from the tables of package cli, the guard's
// settings from that of package policy; what a page says beyond them, and the fields of each --json report,
// stand here. No program imports it but its generator.
package manual
