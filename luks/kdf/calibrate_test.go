// SPDX-License-Identifier: Apache-2.0

package kdf

import (
	"context"
	"errors"
	"testing"
	"time"
)

// simulated is a machine whose Argon2 takes time in proportion to its work, with a slope of its own
// for large memory.
func simulated(perMiB time.Duration, runs *int, spent *time.Duration) func(Params) (time.Duration, error) {
	return func(p Params) (time.Duration, error) {
		took := time.Duration(float64(p.Time) * float64(p.Memory) / 1024 * float64(perMiB))
		if p.Memory > firstMemory {
			took = took * 12 / 10
		}
		*runs++
		*spent += took
		return took, nil
	}
}

func TestCalibrationMeetsTheTargetOnFastAndSlowMachines(t *testing.T) {
	for _, perMiB := range []time.Duration{50 * time.Microsecond, 400 * time.Microsecond, 3 * time.Millisecond, 30 * time.Millisecond} {
		runs, spent := 0, time.Duration(0)
		run := simulated(perMiB, &runs, &spent)
		r := Request{Type: Argon2id, Target: 2 * time.Second, MaxMemory: 1 << 20, MaxCPUs: 4}
		p, err := calibrateArgon2(r, run)
		if err != nil {
			t.Fatal(err)
		}
		measuring := spent
		took, _ := run(p)
		if p.Memory > 1<<20 || p.Time < 4 || took < 1800*time.Millisecond || took > 2200*time.Millisecond {
			t.Errorf("%v per MiB: %+v takes %v", perMiB, p, took)
		}
		if runs-1 > 1+samples || measuring > 2*r.Target {
			t.Errorf("%v per MiB: measuring took %d runs and %v", perMiB, runs-1, measuring)
		}
	}
}

func TestScalingTakesMemoryFirstUpwardsAndPassesFirstDownwards(t *testing.T) {
	cases := []struct {
		name       string
		from, want Params
		ratio      float64
	}{
		{"memory grows", Params{Time: 4, Memory: 65536, CPUs: 1}, Params{Time: 4, Memory: 131072, CPUs: 1}, 2},
		{"a pass more over a little less", Params{Time: 4, Memory: 1 << 20, CPUs: 1}, Params{Time: 5, Memory: 943718, CPUs: 1}, 1.125},
		{"a miss too small for that", Params{Time: 10, Memory: 1 << 20, CPUs: 1}, Params{Time: 10, Memory: 1 << 20, CPUs: 1}, 1.03},
		{"then passes", Params{Time: 4, Memory: 65536, CPUs: 1}, Params{Time: 8, Memory: 1 << 20, CPUs: 1}, 32},
		{"passes shrink", Params{Time: 8, Memory: 65536, CPUs: 1}, Params{Time: 4, Memory: 65536, CPUs: 1}, 0.5},
		{"then memory", Params{Time: 8, Memory: 65536, CPUs: 1}, Params{Time: 4, Memory: 32768, CPUs: 1}, 0.25},
		{"to the least", Params{Time: 4, Memory: 65536, CPUs: 4}, Params{Time: 4, Memory: 32, CPUs: 4}, 1e-9},
	}
	for _, c := range cases {
		got := c.from.scaled(c.ratio, 1<<20)
		if got.Time != c.want.Time || got.Memory != c.want.Memory {
			t.Errorf("%s: %d passes over %d KiB, want %d over %d", c.name, got.Time, got.Memory, c.want.Time, c.want.Memory)
		}
	}
}

func TestCalibratedPBKDF2IsUsableAndCancellable(t *testing.T) {
	p, err := Calibrate(context.Background(), Request{Type: PBKDF2, Hash: "sha256", Target: 20 * time.Millisecond})
	if err != nil || p.Iterations < 1000 || p.Check() != nil {
		t.Errorf("%+v, %v", p, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Calibrate(ctx, Request{Type: PBKDF2, Hash: "sha256", Target: time.Minute}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := Calibrate(context.Background(), Request{Type: PBKDF2, Hash: "md4", Target: time.Second}); err == nil {
		t.Error("unknown hash accepted")
	}
}

func TestMemoryLimitFollowsTheMachine(t *testing.T) {
	const mib = 1 << 20
	cases := []struct {
		name              string
		total, free, swap uint64
		want              uint32 // KiB
	}{
		{"large", 24 << 30, 20 << 30, 0, 4 << 20},
		{"half of 4 GiB", 4 << 30, 100 * mib, 0, 2 << 20},
		{"small without swap: half of the free", 1 << 30, 400 * mib, 0, 200 << 10},
		{"small with swap", 1 << 30, 400 * mib, 1 << 30, 512 << 10},
		{"hardly anything free", 1 << 30, 100 * mib, 0, 512 << 10},
		{"an absurd reading", 64 * mib, 1, 0, 4 << 20},
	}
	for _, c := range cases {
		if got := memoryLimit(c.total, c.free, c.swap); got != c.want {
			t.Errorf("%s: %d KiB, want %d", c.name, got, c.want)
		}
	}
}

func TestLimitsAdmitWhatIsSaneAndStopWhatIsNot(t *testing.T) {
	argon := func(passes, memory, lanes uint32) Params {
		return Params{Type: Argon2id, Time: passes, Memory: memory, CPUs: lanes}
	}
	cases := []struct {
		name              string
		p                 Params
		creation, opening bool
	}{
		{"default", argon(4, 1<<20, 4), true, true},
		{"least", argon(4, 32, 1), true, true},
		{"one pass", argon(1, 65536, 1), false, true},
		{"eight lanes", argon(4, 65536, 8), false, true},
		{"5 GiB", argon(4, 5<<20, 4), false, false},
		{"hostile passes, which the format allows", argon(1<<32-1, 65536, 1), true, false},
		{"hostile lanes", argon(4, 1<<20, 1<<20), false, false},
		{"too much of both", argon(1<<20, 4<<20, 4), true, false},
		{"pbkdf2", Params{Type: PBKDF2, Iterations: 2_000_000}, true, true},
		{"pbkdf2, 999", Params{Type: PBKDF2, Iterations: 999}, false, true},
		{"pbkdf2, hostile", Params{Type: PBKDF2, Iterations: 1<<32 - 1}, true, false},
	}
	for _, c := range cases {
		created, opened := CreationLimits().Admit(c.p), OpeningLimits().Admit(c.p)
		if (created == nil) != c.creation || (opened == nil) != c.opening {
			t.Errorf("%s: creation %v, opening %v", c.name, created, opened)
		}
		if opened != nil && !errors.Is(opened, ErrCost) {
			t.Errorf("%s: kind of %v", c.name, opened)
		}
	}
}
