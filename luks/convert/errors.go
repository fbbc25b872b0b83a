// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"errors"
	"fmt"
)

// The kinds of refusal. An Error wraps one of them.
var (
	ErrNoRoom     = errors.New("no room")
	ErrCannotHold = errors.New("the other format cannot hold this")
)

// Error says why a header cannot be converted.
type Error struct {
	To   int    // 1 or 2
	Kind error  // one of the kinds above
	Why  string // the facts
}

func (e *Error) Error() string {
	return fmt.Sprintf("cannot convert to LUKS%d format - %s", e.To, e.Why)
}

func (e *Error) Unwrap() error { return e.Kind }

func cannot(to int, kind error, format string, args ...any) error {
	return &Error{To: to, Kind: kind, Why: fmt.Sprintf(format, args...)}
}
