// SPDX-License-Identifier: Apache-2.0

// Package verb is what all verbs share: how one is declared and run, the context of a run, and the
// words and exit codes for errors.
//
// A verb is one file in a room below, with a function that returns a Verb: name, arguments, options,
// rules, page, report, and Run. The list in package all names these functions, and every table of the
// program follows from it. So a new verb, its options included, is one new file and one line in all.
//
// The rooms of verbs (mapping, keyslot, header, mend, size, watch, early, measure, refused) do not
// know each other. What several need is below them: volume, keys, mapped and guarded.
package verb
