// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"errors"
	"math/rand/v2"
)

// Kind is an operation on volumes of any shape.
type Kind struct {
	Name string
	// Draw makes the operation on a volume that chance draws. Its error is a Refusal where the operation
	// is refused on that volume, as it should be, or ErrUnfit where there is no such volume.
	Draw func(rng *rand.Rand) (Operation, error)
	// Far tells that it is about far headers, or about changes of size, of which images take long.
	Far bool
}

// ErrUnfit: what was drawn is no volume.
var ErrUnfit = errors.New("no volume has this shape")

// Refusal is the error of an operation that was refused, and wrote nothing.
type Refusal struct {
	Traits []string
	Err    error
}

func (r *Refusal) Error() string { return "refused: " + r.Err.Error() }

// Unwrap gives the reason.
func (r *Refusal) Unwrap() error { return r.Err }
