// SPDX-License-Identifier: Apache-2.0

// Package cli is the grammar of the command line: what a verb and an option declare of themselves, the
// options that several verbs share, and everything that follows from these declarations: parsing with
// popt's spelling, validation, the synopsis and the help text. It knows no device and does no work; its
// result is an Invocation.
//
// The order in which mistakes are found is part of the grammar, since scripts compare messages:
//
//  1. spelling, one argument after the other (unknown option, missing argument, bad number)
//  2. the action: missing, unknown, too few arguments
//  3. options that the action does not take, in the order of the synopsis
//  4. combinations of options, first those of all actions, then those of one
//  5. what this program does not do (UnsupportedError)
//  6. with --test-args the run ends here; otherwise what an action needs to start
//
// Under our own name a mistake is one line with the nearest name, and help is of a screen, a verb or a topic;
// under cryptsetup's name both are what cryptsetup prints (StandsIn).
package cli
