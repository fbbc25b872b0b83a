// SPDX-License-Identifier: Apache-2.0

// Package boot carries out a plan: it waits for the devices, gets keys from every source at once,
// unlocks and maps the volumes, and says how it went. It is the engine behind "orthrus boot" and
// behind orthrus as /init.
//
// Each volume has a task of its own: find the device, load the header, judge it, get a key, map. The
// sources of keys of one volume race; the first that fits cancels the rest. People are asked once for
// all volumes, and what they say is tried on each. Derivations take turns by the memory they need.
//
// Nothing a disk says can stop the others: each task has its own time, costs are held against limits,
// and what a hostile header asks for is refused before it is done.
package boot
