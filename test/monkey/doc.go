// SPDX-License-Identifier: Apache-2.0

// Package monkey draws volumes of many shapes and sequences of commands that write to them, ours and cryptsetup's
// mixed, some killed in the middle, some after damage, some two at once, and judges after each:
//
//   - what a command did is what its exit code says, compared with a model of each verb (State);
//   - every acknowledged passphrase opens, by the drawn program and by package witness, which knows neither;
//   - no revoked one opens, by any copy: heads, far header, the places where one was;
//   - both heads are valid and equal, and claim nothing that the device has not;
//   - the data, and what says how they are decrypted, are as they were;
//   - what only reads writes nothing.
//
// A step is a verb and a seed; its arguments are drawn from the seed and from the state that the step meets. So a
// sequence from which steps were taken out is a sequence still, and a failing one is shrunk in this way. It is printed as a
// shell script. Of two commands at once the outcome must be that of an order in which one follows the other, where
// either may have been refused: see Race.
package monkey
