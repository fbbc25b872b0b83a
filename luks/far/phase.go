// SPDX-License-Identifier: Apache-2.0

package far

// Phase says what a volume is in the middle of. Each but Stable is a step of a transaction that was
// noted before it was carried out.
type Phase string

// The phases; at most phaseSize characters each.
const (
	Stable      Phase = "stable"       // the far header at far is in force
	Enabling    Phase = "enabling"     // a first far header is being made at to
	Disabling   Phase = "disabling"    // the far header at to is being wiped; there is none any more
	Moving      Phase = "moving"       // a second far header is being made at to; far is in force
	Wiping      Phase = "wiping"       // far is in force, the old one at to is being wiped
	Rebuilding  Phase = "rebuilding"   // no far header is in force: the one at to replaces one it overlaps
	AwaitingCut Phase = "awaiting cut" // far is in force, and the device is about to become smaller
)

const phaseSize = 16

// phases lists those of this version; a token with another one is left alone.
var phases = []Phase{Stable, Enabling, Disabling, Moving, Wiping, Rebuilding, AwaitingCut}
