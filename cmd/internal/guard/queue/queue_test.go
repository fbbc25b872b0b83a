// SPDX-License-Identifier: Apache-2.0

package queue

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var epoch = time.Unix(1000, 0)

func at(ms int) time.Time { return epoch.Add(time.Duration(ms) * time.Millisecond) }

func fresh() *Queue {
	return &Queue{Settle: 200 * time.Millisecond, Limit: time.Second}
}

func TestManyEventsAreOneLook(t *testing.T) {
	q := fresh()
	for ms := 0; ms <= 100; ms += 10 {
		q.Add("8:0", at(ms))
	}
	if _, wait, due := q.Next(at(100)); due || wait != 200*time.Millisecond {
		t.Errorf("due %v after %v", due, wait)
	}
	if d, _, due := q.Next(at(300)); !due || d != "8:0" {
		t.Errorf("%q %v", d, due)
	}
	if _, wait, due := q.Next(at(300)); due || wait != 0 {
		t.Errorf("a second look: %v %v", wait, due)
	}
}

func TestADeviceThatIsNeverQuietIsLookedAt(t *testing.T) {
	q := fresh()
	for ms := 0; ms < 1000; ms += 50 {
		q.Add("8:0", at(ms))
		if _, _, due := q.Next(at(ms)); due {
			t.Fatalf("due after %d ms", ms)
		}
	}
	if _, _, due := q.Next(at(1000)); !due {
		t.Error("not due at the limit")
	}
}

func TestWhatHappensDuringALookIsLookedAtAgain(t *testing.T) {
	q := fresh()
	q.Add("a", at(0))
	q.Next(at(200))
	q.Add("a", at(210))
	if _, _, due := q.Next(at(5000)); due {
		t.Error("two looks at once")
	}
	q.Done("a", at(300))
	if _, _, due := q.Next(at(500)); !due {
		t.Error("the event during the look was lost")
	}
	q.Done("a", at(501))
	if waiting, running := q.Len(); waiting+running != 0 {
		t.Errorf("%d waiting, %d running", waiting, running)
	}
}

func TestALookThatAsksForALaterOneGetsItLater(t *testing.T) {
	q := fresh()
	q.Add("a", at(0))
	q.Next(at(200))
	q.AddAfter("a", at(210), time.Minute)
	q.AddAfter("a", at(220), 5*time.Second)
	q.Done("a", at(300))
	if _, wait, due := q.Next(at(1000)); due || wait != at(5300).Sub(at(1000)) {
		t.Errorf("due %v, %v", due, wait)
	}
	q.Add("a", at(1000)) // an event brings it forward
	if _, _, due := q.Next(at(1200)); !due {
		t.Error("an event is not looked at")
	}
}

func TestAnEarlierLookIsNotPutOff(t *testing.T) {
	q := fresh()
	q.AddAfter("a", at(0), 0)
	q.AddAfter("a", at(0), time.Minute)
	if _, _, due := q.Next(at(0)); !due {
		t.Error("put off")
	}
	q.Done("a", at(0))
	q.AddAfter("a", at(0), time.Minute)
	q.AddAfter("a", at(0), time.Second)
	if _, _, due := q.Next(at(1000)); !due {
		t.Error("not brought forward")
	}
}

// Whatever comes in whatever order: each event is followed by a look that begins after it, and no
// device is looked at twice at once.
func TestNoEventIsLost(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := fresh()
		now := 0
		owed, looking := map[string]bool{}, map[string]bool{}
		step := func() {
			now += rapid.IntRange(0, 300).Draw(t, "ms")
			device := fmt.Sprint(rapid.IntRange(0, 3).Draw(t, "device"))
			switch rapid.IntRange(0, 2).Draw(t, "step") {
			case 0:
				q.Add(device, at(now))
				owed[device] = true
			case 1:
				if d, _, due := q.Next(at(now)); due {
					if looking[d] {
						t.Fatalf("%s is looked at twice", d)
					}
					looking[d], owed[d] = true, false
				}
			case 2:
				if looking[device] {
					q.Done(device, at(now))
					looking[device] = false
				}
			}
		}
		for range rapid.IntRange(1, 200).Draw(t, "steps") {
			step()
		}
		for d, busy := range looking {
			if busy {
				q.Done(d, at(now))
			}
		}
		for now += 2000; ; {
			d, _, due := q.Next(at(now))
			if !due {
				break
			}
			owed[d] = false
			q.Done(d, at(now))
		}
		for d, still := range owed {
			if still {
				t.Fatalf("%s was never looked at", d)
			}
		}
	})
}
