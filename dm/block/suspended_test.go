// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"testing"
)

func TestAMappingThatGoesOnIsWaitedForAndOneThatDoesNotIsRefused(t *testing.T) {
	left := 3
	if err := runningBy("x", func() bool { left--; return left > 0 }); err != nil || left != 0 {
		t.Errorf("a table being exchanged: %v", err)
	}
	if err := runningBy("x", func() bool { return true }); !errors.Is(err, ErrSuspended) {
		t.Errorf("suspended for good: %v", err)
	}
}
