// SPDX-License-Identifier: Apache-2.0

// Package pace tells how slow this machine is at the moment, so that the time limits of tests follow it.
//
// A limit in a test is there to end what hangs, never to judge how fast something is. It is written down as the time
// that the thing takes at most on a quiet machine, and Limit makes of that what is waited for here: several times as
// long, and as many times longer again as the processors are slower or busier than those that the limits were
// written on. The machine is measured once, for a tenth of a second, when the first limit is asked for. A program
// that starts others hands its factor on in ORTHRUS_PACE, and `go run ./test/pace/limit 10m` makes a value for
// go test's -timeout.
package pace
