// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/creack/pty"
)

// run reports 1484 MiB in four steps of half a second each.
func run(p *Progress) string {
	var out bytes.Buffer
	runOn(&out, p)
	return out.String()
}

func runOn(out io.Writer, p *Progress) {
	now := time.Unix(0, 0)
	p.Out, p.Device, p.Total = out, "big.img", 1484<<20
	p.Now = func() time.Time { return now }
	p.Start()
	for _, mib := range []uint64{320, 660, 980, 1484} {
		p.Update(mib<<20 - 1) // comes too early to be shown
		now = now.Add(500 * time.Millisecond)
		p.Update(mib << 20)
	}
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

func TestProgressThatFitsWritesNoEscapeCodesIntoAPipe(t *testing.T) {
	if got, want := run(&Progress{Fit: true}), "Finished, time 00m02s, 1484 MiB written, speed 742.0 MiB/s\n"; got != want {
		t.Errorf("%q", got)
	}
}

func TestProgressFitsTheTerminal(t *testing.T) {
	for _, term := range []struct {
		name    string
		columns uint16
		escapes bool
		words   string
	}{
		{"xterm", 40, true, " 44.5%, 00m01s left, 660 MiB"},
		{"xterm", 100, true, "Progress:  44.5%, ETA 00m01s,  660 MiB written"},
		{"dumb", 40, false, "Finished, 00m02s, 1484 MiB"},
		{"", 40, false, "Finished, 00m02s, 1484 MiB"},
	} {
		t.Setenv("TERM", term.name)
		master, slave, err := pty.Open()
		if err != nil {
			t.Fatal(err)
		}
		if err := pty.Setsize(slave, &pty.Winsize{Rows: 24, Cols: term.columns}); err != nil {
			t.Fatal(err)
		}
		runOn(slave, &Progress{Fit: true})
		got := ""
		for text := make([]byte, 4096); !strings.Contains(got, "\n"); {
			n, err := master.Read(text)
			if err != nil {
				t.Fatal(err)
			}
			got += string(text[:n])
		}
		if strings.Contains(got, "\x1b") != term.escapes || !strings.Contains(got, term.words) {
			t.Errorf("%s with %d columns: %q", term.name, term.columns, got)
		}
		for _, line := range strings.Split(got, "\x1b[2K\r") {
			if len(strings.TrimRight(line, "\r\n")) >= int(term.columns) {
				t.Errorf("%s with %d columns: %q", term.name, term.columns, line)
			}
		}
		slave.Close()
		master.Close()
	}
}

func TestColoursAreForTerminalsThatKnowThem(t *testing.T) {
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer master.Close()
	defer slave.Close()
	u := &UI{Out: slave, Own: true}
	for _, test := range []struct {
		term, no string
		own      bool
		want     string
	}{
		{"xterm", "", true, "\x1b[32mwell\x1b[0m"},
		{"xterm", "1", true, "well"},
		{"dumb", "", true, "well"},
		{"xterm", "", false, "well"},
	} {
		t.Setenv("TERM", test.term)
		t.Setenv("NO_COLOR", test.no)
		u.Own = test.own
		if got := string(u.Paint(Green, "well")); got != test.want {
			t.Errorf("%+v: %q", test, got)
		}
	}
	u.Out = &bytes.Buffer{}
	t.Setenv("TERM", "xterm")
	t.Setenv("NO_COLOR", "")
	if got := string(u.Paint(Green, "well\x1b")); got != `well\x1b` {
		t.Errorf("into a pipe: %q", got)
	}
}
