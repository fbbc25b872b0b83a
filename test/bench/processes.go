// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

const (
	// imageSize leaves room for header and some data, bytes.
	imageSize = 32 << 20
	// Pairs shorter than this run so many times more often.
	short, moreOften = 150 * time.Millisecond, 8
)

// processes runs the contests.
func (b *bench) processes() error {
	b.printf("Medians of at least %d pairs run in turn on one header. Peak memory is of the whole process. Memory at hand: before each run\n"+
		"of either program another one has taken 2 GiB in huge pages and given them back; otherwise memory is as the machine has it.\n\n", b.pairs)
	b.table("case", "orthrus", "cryptsetup", "ratio", "lowest–highest", "aim", "peak memory")
	for _, c := range contests() {
		switch {
		case !strings.Contains(c.name, b.only):
			continue
		case uint64(c.kdf)<<20 > memory()/2:
			b.row(c.name, "too much for this machine", "", "", "", "", "")
			continue
		}
		if err := b.compare(c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	return nil
}

// compare prints one row.
func (b *bench) compare(c contest) error {
	image, err := b.image(c.make)
	if err != nil {
		return err
	}
	defer os.Remove(image)
	var ours, them []sample
	pairs := b.pairs
	for i := -1; i < pairs; i++ {
		a, err := b.run(c, c.ours, image)
		if err != nil {
			return err
		}
		p, err := b.run(c, c.them, image)
		if err != nil {
			return err
		}
		switch {
		case i >= 0:
			ours, them = append(ours, a), append(them, p)
		case a.wall+p.wall < short: // the first pair warms the caches, and tells how long one is
			pairs *= moreOften
		}
	}
	b.printContest(c, ours, them)
	return nil
}

// run is one side's turn.
func (b *bench) run(c contest, side command, image string) (sample, error) {
	if c.atHand {
		if err := findMemory(2 * uint64(c.kdf) << 20); err != nil {
			return sample{}, err
		}
	}
	return b.process(side, image)
}

// image makes a file by the commands given.
func (b *bench) image(steps []command) (string, error) {
	image := filepath.Join(b.dir, "volume.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return "", err
	}
	if err := os.Truncate(image, imageSize); err != nil {
		return "", err
	}
	for _, step := range steps {
		if _, err := b.process(step, image); err != nil {
			return "", err
		}
	}
	return image, nil
}

func (b *bench) printContest(c contest, ours, them []sample) {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i].wall.Seconds() / them[i].wall.Seconds()
	}
	low, high := slices.Min(ratios), slices.Max(ratios)
	memory := memoryOf(c, ours) + " / " + memoryOf(c, them)
	b.row(c.name, millis(median(walls(ours))), millis(median(walls(them))), fmt.Sprintf("**%.2f**", median(ratios)),
		fmt.Sprintf("%.2f–%.2f", low, high), aim(c.aim), memory)
}

func aim(ratio float64) string {
	if ratio == 0 {
		return ""
	}
	return fmt.Sprintf("≤ %.2f", ratio)
}

func walls(s []sample) []time.Duration {
	list := make([]time.Duration, len(s))
	for i := range s {
		list[i] = s[i].wall
	}
	return list
}

// median sorts a copy.
func median[T cmp.Ordered](list []T) T {
	sorted := slices.Sorted(slices.Values(list))
	return sorted[len(sorted)/2]
}

func millis(d time.Duration) string { return fmt.Sprintf("%.1f ms", float64(d.Microseconds())/1000) }

// memoryOf is the peak of one side; what lies below this process's own peak cannot be told.
func memoryOf(c contest, s []sample) string {
	most, floor := peak(s), ownPeak()
	switch {
	case most <= floor:
		return fmt.Sprintf("under %.0f MiB", floor)
	case c.kdf > 0:
		return fmt.Sprintf("%d + %.1f MiB", c.kdf, most-float64(c.kdf))
	}
	return fmt.Sprintf("%.1f MiB", most)
}

// ownPeak is that of this process, MiB. A new process begins with its parent's.
func ownPeak() float64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return float64(usage.Maxrss) / 1024
}

// peak is the largest, MiB.
func peak(s []sample) float64 {
	most := int64(0)
	for _, one := range s {
		most = max(most, one.peak)
	}
	return float64(most) / 1024
}
