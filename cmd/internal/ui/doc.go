// SPDX-License-Identifier: Apache-2.0

// Package ui talks with people and pipes: messages, prompts with echo off, key files, confirmations,
// progress and exit codes, in the way scripts that call cryptsetup expect.
//
// Data goes to standard output, errors to standard error. A prompt is shown and answered on the
// controlling terminal when standard input is a terminal; otherwise a secret is read from standard
// input, byte by byte, so that what follows it stays there for the next reader.
//
// Secrets are kept in secret.Buffer from the first byte on.
package ui
