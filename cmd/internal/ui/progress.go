// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"time"
)

const refreshEvery = 500 * time.Millisecond

// Progress reports how far a long work on a device has come: one line that is refreshed twice a
// second, lines of their own at a chosen frequency, or JSON lines.
type Progress struct {
	Out       io.Writer
	Device    string
	Total     uint64        // bytes
	Frequency time.Duration // 0: refresh one line
	JSON      bool
	Quiet     bool   // only what Frequency or JSON asks for
	Done      string // what happened to the bytes; "written" where empty
	// Fit: the line fits the terminal, and only the last one goes to what is none, or knows no escape codes.
	Fit bool
	Now func() time.Time

	started, last time.Time
	shown         bool
}

// Start begins the clock; speed and remaining time count from here.
func (p *Progress) Start() {
	if p.Now == nil {
		p.Now = time.Now
	}
	p.started = p.Now()
	p.last = p.started
}

// Update reports that done bytes of the total are finished. It may be called as often as one likes.
func (p *Progress) Update(done uint64) {
	now := p.Now()
	early := now.Sub(p.last) < p.interval()
	if early && (done < p.Total || p.brief()) || p.silent() {
		return
	}
	p.last, p.shown = now, true
	state := p.at(done, now)
	switch {
	case p.JSON:
		p.writeJSON(state)
	case p.Frequency > 0:
		fmt.Fprintln(p.Out, state.text())
	default:
		p.refresh(state)
	}
}

// refresh writes over the line before.
func (p *Progress) refresh(s progressState) {
	text := s.text()
	if p.Fit {
		if len(text) >= Columns(p.Out) {
			text = s.brief()
		}
		if !Obeys(p.Out) {
			if s.done >= s.total {
				fmt.Fprintln(p.Out, text)
			}
			return
		}
	}
	fmt.Fprint(p.Out, "\x1b[2K\r"+text)
	if s.done >= s.total {
		fmt.Fprintln(p.Out)
	}
}

// brief: the work is over before anybody could have watched it.
func (p *Progress) brief() bool { return !p.shown && !p.JSON && p.Frequency == 0 }

func (p *Progress) silent() bool { return p.Quiet && !p.JSON && p.Frequency == 0 }

func (p *Progress) interval() time.Duration {
	if p.Frequency > 0 {
		return p.Frequency
	}
	return refreshEvery
}

// progressState is one report; speed is in bytes per second.
type progressState struct {
	done, total  uint64
	what         string // Progress.Done
	elapsed, eta time.Duration
	speed        float64
}

func (p *Progress) at(done uint64, now time.Time) progressState {
	s := progressState{done: done, total: p.Total, what: p.Done, elapsed: now.Sub(p.started)}
	s.speed = float64(done) / max(s.elapsed.Seconds(), 1e-6)
	if done > 0 && done < p.Total {
		s.eta = time.Duration(float64(p.Total-done) / s.speed * float64(time.Second))
	}
	return s
}

func (s progressState) text() string {
	speed, unit := scaled(s.speed)
	amount := fmt.Sprintf("%4d MiB %s, speed %5.1f %s/s", s.done>>20, cmp.Or(s.what, "written"), speed, unit)
	if s.done >= s.total {
		return fmt.Sprintf("Finished, time %s, %s", clock(s.elapsed), amount)
	}
	percent := float64(s.done) / float64(s.total) * 100
	return fmt.Sprintf("Progress: %5.1f%%, ETA %s, %s", percent, clock(s.eta), amount)
}

// brief is the same for a narrow terminal.
func (s progressState) brief() string {
	if s.done >= s.total {
		return fmt.Sprintf("Finished, %s, %d MiB", clock(s.elapsed), s.done>>20)
	}
	return fmt.Sprintf("%5.1f%%, %s left, %d MiB", float64(s.done)/float64(s.total)*100, clock(s.eta), s.done>>20)
}

// scaled picks the unit in which a speed has few digits.
func scaled(speed float64) (float64, string) {
	switch {
	case speed >= 1<<30:
		return speed / (1 << 30), "GiB"
	case speed >= 1<<20:
		return speed / (1 << 20), "MiB"
	}
	return speed / (1 << 10), "KiB"
}

func clock(d time.Duration) string {
	seconds := int64(d / time.Second)
	if hours := seconds / 3600; hours > 0 {
		return fmt.Sprintf("%02dh%02dm%02ds", hours, seconds/60%60, seconds%60)
	}
	return fmt.Sprintf("%02dm%02ds", seconds/60, seconds%60)
}

// writeJSON prints numbers as strings, so that readers need no 64-bit numbers.
func (p *Progress) writeJSON(s progressState) {
	line, err := json.Marshal(struct {
		Device      string `json:"device"`
		DeviceBytes string `json:"device_bytes"`
		DeviceSize  string `json:"device_size"`
		Speed       string `json:"speed"`
		ETA         string `json:"eta_ms"`
		Time        string `json:"time_ms"`
	}{
		p.Device, strconv.FormatUint(s.done, 10), strconv.FormatUint(s.total, 10),
		strconv.FormatUint(uint64(s.speed), 10),
		strconv.FormatInt(s.eta.Milliseconds(), 10), strconv.FormatInt(s.elapsed.Milliseconds(), 10),
	})
	if err == nil {
		fmt.Fprintf(p.Out, "%s\n", line)
	}
}
