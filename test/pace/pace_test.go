// SPDX-License-Identifier: Apache-2.0

package pace

import (
	"testing"
	"time"
)

func TestALimitGrowsWithTheFactor(t *testing.T) {
	tests := []struct {
		name   string
		factor float64
		want   time.Duration
	}{
		{"a quiet machine", 1, 40 * time.Second},
		{"one with three times the load", 3, 2 * time.Minute},
		{"one that is faster", 0.3, 40 * time.Second},
		{"one that is hopeless", 1e9, 800 * time.Second},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := scaled(10*time.Second, bounded(test.factor)); got != test.want {
				t.Errorf("%v, want %v", got, test.want)
			}
		})
	}
}

func TestAHandedOnFactorIsTaken(t *testing.T) {
	if got := factor("2.5"); got != 2.5 {
		t.Errorf("factor %v", got)
	}
	if got := factor("nonsense"); got < 1 || got > most {
		t.Errorf("measured: factor %v", got)
	}
}

func TestAwaitLooksAgain(t *testing.T) {
	looks := 0
	if !Await(time.Second, func() bool { looks++; return looks == 3 }) || looks != 3 {
		t.Errorf("%d looks", looks)
	}
	if Await(time.Microsecond, func() bool { return false }) {
		t.Error("what never is so was taken to be")
	}
}
