// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// Measured is what an image costs.
type Measured struct {
	Maker   Maker
	Size    int64     // bytes
	Seconds []float64 // from the kernel's hand-over to the mounted root, by the guest's clock, each boot
}

// Best is the shortest boot.
func (m Measured) Best() float64 {
	best := m.Seconds[0]
	for _, s := range m.Seconds[1:] {
		best = min(best, s)
	}
	return best
}

// Measure boots the images of makers in turn, rounds times each, in the same
// machine and with the same root, whose only keyslot costs next to nothing: what
// is left is the way to it. Images and disk come into dir.
func Measure(ctx context.Context, dir string, rounds int, makers ...Maker) ([]Measured, error) {
	root, err := cheapRoot(dir)
	if err != nil {
		return nil, err
	}
	results := make([]Measured, len(makers))
	files := make([]string, len(makers))
	for i, k := range makers {
		if files[i], err = k.Make(ctx, dir); err != nil {
			return nil, err
		}
		info, err := os.Stat(files[i])
		if err != nil {
			return nil, err
		}
		results[i] = Measured{Maker: k, Size: info.Size()}
	}
	for range rounds {
		for i, file := range files {
			seconds, err := timeToRoot(ctx, file, root, makers[i].prompt())
			if err != nil {
				return nil, fmt.Errorf("%s: %w", makers[i].Name, err)
			}
			results[i].Seconds = append(results[i].Seconds, seconds)
		}
	}
	return results, nil
}

// cheapRoot is a copy of the encrypted root whose only keyslot is the cheap one.
func cheapRoot(dir string) (string, error) {
	sealed, err := SealedRoot()
	if err != nil {
		return "", err
	}
	file := filepath.Join(dir, "cheap-root")
	for _, argv := range [][]string{
		{"cp", "--sparse=always", sealed, file},
		{"cryptsetup", "luksKillSlot", "-q", file, "0"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("%v: %w\n%s", argv, err, out)
		}
	}
	return file, nil
}

var (
	handOver = regexp.MustCompile(`\[ *([0-9.]+)\] Run /init as init process`)
	mounted  = regexp.MustCompile(`\[ *([0-9.]+)\] EXT4-fs \(dm-0\): mounted`)
)

// timeToRoot boots once and reads the kernel's own times.
func timeToRoot(ctx context.Context, image, root, prompt string) (float64, error) {
	s, err := PowerOn(ctx, machine.Config{
		Initramfs: image, Memory: 1024, Disks: []machine.Disk{{Name: "root", Base: root}},
		KernelArgs: []string{RootArgs, "loglevel=7", "init=/bin/true"},
	})
	if err != nil {
		return 0, err
	}
	defer s.M.Close()
	if err := s.Sees(ctx, prompt); err != nil {
		return 0, err
	}
	if err := s.Types(KeyText); err != nil {
		return 0, err
	}
	if err := s.Sees(ctx, "EXT4-fs (dm-0): mounted"); err != nil {
		return 0, err
	}
	return between(s.M.Console().Tail(1<<20), handOver, mounted)
}

func between(log string, from, to *regexp.Regexp) (float64, error) {
	times := [2]float64{}
	for i, pattern := range []*regexp.Regexp{from, to} {
		found := pattern.FindStringSubmatch(log)
		if found == nil {
			return 0, fmt.Errorf("the kernel's log has no line like %s", pattern)
		}
		var err error
		if times[i], err = strconv.ParseFloat(found[1], 64); err != nil {
			return 0, err
		}
	}
	if times[1] < times[0] {
		return 0, errors.New("the root was mounted before the hand-over")
	}
	return times[1] - times[0], nil
}

// Report prints the table: the first is ours, the last what Debian has by
// itself, in between is Debian's with ours added.
func Report(w io.Writer, all []Measured) {
	own := all[len(all)-1]
	fmt.Fprintf(w, "%-22s %12s %10s   %12s %10s\n", "image by", "bytes", "smaller", "s to root", "faster")
	for _, m := range all {
		fmt.Fprintf(w, "%-22s %12d %9.1fx   %12.2f %9.1fx\n", m.Maker.Name, m.Size, float64(own.Size)/float64(m.Size),
			m.Best(), own.Best()/m.Best())
	}
	for _, m := range all {
		if m.Maker.Name == DebianWithHook.Name {
			fmt.Fprintf(w, "what the hook adds to %s's image: %d bytes\n", own.Maker.Name, m.Size-own.Size)
		}
	}
}
