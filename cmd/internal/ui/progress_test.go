// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"testing"
	"time"
)

// run reports 1484 MiB in four steps of half a second each.
func run(p *Progress) string {
	var out bytes.Buffer
	now := time.Unix(0, 0)
	p.Out, p.Device, p.Total = &out, "big.img", 1484<<20
	p.Now = func() time.Time { return now }
	p.Start()
	for _, mib := range []uint64{320, 660, 980, 1484} {
		p.Update(mib<<20 - 1) // comes too early to be shown
		now = now.Add(500 * time.Millisecond)
		p.Update(mib << 20)
	}
	return out.String()
}

func TestProgressRefreshesOneLine(t *testing.T) {
	want := "\x1b[2K\rProgress:  21.6%, ETA 00m01s,  320 MiB written, speed 640.0 MiB/s" +
		"\x1b[2K\rProgress:  44.5%, ETA 00m01s,  660 MiB written, speed 660.0 MiB/s" +
		"\x1b[2K\rProgress:  66.0%, ETA 00m00s,  980 MiB written, speed 653.3 MiB/s" +
		"\x1b[2K\rFinished, time 00m02s, 1484 MiB written, speed 742.0 MiB/s\n"
	if got := run(&Progress{}); got != want {
		t.Errorf("%q", got)
	}
}

func TestProgressTakesLinesOfItsOwnAtAFrequency(t *testing.T) {
	want := "Progress:  44.5%, ETA 00m01s,  660 MiB written, speed 660.0 MiB/s\n" +
		"Finished, time 00m02s, 1484 MiB written, speed 742.0 MiB/s\n"
	if got := run(&Progress{Frequency: time.Second, Quiet: true}); got != want {
		t.Errorf("%q", got)
	}
}

func TestProgressSpeaksJSON(t *testing.T) {
	want := `{"device":"big.img","device_bytes":"692060160","device_size":"1556086784","speed":"692060160","eta_ms":"1248","time_ms":"1000"}` + "\n" +
		`{"device":"big.img","device_bytes":"1556086784","device_size":"1556086784","speed":"778043392","eta_ms":"0","time_ms":"2000"}` + "\n"
	if got := run(&Progress{JSON: true, Frequency: time.Second}); got != want {
		t.Errorf("%s", got)
	}
}

func TestProgressIsQuietWhereNothingAsksForIt(t *testing.T) {
	if got := run(&Progress{Quiet: true}); got != "" {
		t.Errorf("%q", got)
	}
}

func TestSpeedsAndTimesFindTheirUnits(t *testing.T) {
	for want, state := range map[string]progressState{
		"Finished, time 00m00s, 1484 MiB written, speed   1.5 GiB/s": {
			done: 1484 << 20, total: 1484 << 20,
			speed: 1.5 * (1 << 30),
		},
		"Progress:   0.0%, ETA 27h46m40s,    0 MiB written, speed   1.0 KiB/s": {
			done: 1, total: 1 << 40, speed: 1024, eta: 100000 * time.Second,
		},
	} {
		if got := state.text(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
