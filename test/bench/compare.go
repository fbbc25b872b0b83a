// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

type bench struct {
	dir, ours, peer string
	pairs           int
}

// sample is one finished process.
type sample struct {
	wall time.Duration
	peak int64 // KiB
}

// imageSize leaves room for header and some data, bytes.
const imageSize = 32 << 20

func (b bench) printHead() error {
	version, err := exec.Command(b.peer, "--version").Output()
	if err != nil {
		return err
	}
	fmt.Printf("Whole processes, medians of %d pairs run in turn, on %s, %d processors, %s, against %s.\n\n",
		b.pairs, processor(), runtime.NumCPU(), runtime.GOARCH, strings.TrimSpace(string(version)))
	fmt.Println("| case | orthrus | cryptsetup | ratio | lowest–highest | peak memory |")
	fmt.Println("|---|---|---|---|---|---|")
	return nil
}

// processor names the machine's kind of processor, with the extensions that matter here.
func processor() string {
	f, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return "an unknown processor"
	}
	defer f.Close()
	name, extensions := "an unnamed processor", []string{}
	for lines := bufio.NewScanner(f); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "model name":
			name = strings.TrimSpace(value)
		case "flags":
			for _, flag := range []string{"avx2", "avx512f", "aes", "vaes", "sha_ni"} {
				if slices.Contains(strings.Fields(value), flag) {
					extensions = append(extensions, flag)
				}
			}
			return name + " (" + strings.Join(extensions, " ") + ")"
		}
	}
	return name
}

// compare prints one row.
func (b bench) compare(c benchCase) error {
	image, err := b.volume(c)
	if err != nil {
		return err
	}
	args := append(slices.Clone(c.args), image)
	var ours, theirs []sample
	for i := range b.pairs + 1 {
		a, err := process(b.ours, args, c)
		if err != nil {
			return err
		}
		p, err := process(b.peer, args, c)
		if err != nil {
			return err
		}
		if i > 0 { // the first pair warms the caches
			ours, theirs = append(ours, a), append(theirs, p)
		}
	}
	printRow(c.name, ours, theirs)
	return os.Remove(image)
}

// volume lets the peer make the image.
func (b bench) volume(c benchCase) (string, error) {
	image := filepath.Join(b.dir, "volume.img")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		return "", err
	}
	if err := os.Truncate(image, imageSize); err != nil {
		return "", err
	}
	if err := b.peerRun(append(append([]string{"luksFormat", "-q"}, c.format...), image), passphrase); err != nil {
		return "", err
	}
	for i, options := range c.add {
		key := fmt.Sprintf("%s\nkeyslot %d", passphrase, i)
		if err := b.peerRun(append(append([]string{"luksAddKey", "-q"}, options...), image), key); err != nil {
			return "", err
		}
	}
	return image, nil
}

func (b bench) peerRun(args []string, input string) error {
	cmd := exec.Command(b.peer, args...)
	cmd.Stdin = strings.NewReader(input)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("cryptsetup %s: %w: %s", strings.Join(args, " "), err, out)
	}
	return nil
}

func process(path string, args []string, c benchCase) (sample, error) {
	cmd := exec.Command(path, args...)
	if c.key != "" {
		cmd.Stdin = strings.NewReader(c.key)
	}
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return sample{}, err
	}
	if code := cmd.ProcessState.ExitCode(); code != c.exit {
		return sample{}, fmt.Errorf("%s %s: exit code %d, expected %d", path, strings.Join(args, " "), code, c.exit)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return sample{}, errors.New("no resource usage of the finished process")
	}
	return sample{wall, int64(usage.Maxrss)}, nil
}

func printRow(name string, ours, theirs []sample) {
	ratios := make([]float64, len(ours))
	for i := range ours {
		ratios[i] = ours[i].wall.Seconds() / theirs[i].wall.Seconds()
	}
	slices.Sort(ratios)
	fmt.Printf("| %s | %s | %s | **%.2f** | %.2f–%.2f | %s / %s |\n", name,
		millis(ours), millis(theirs), ratios[len(ratios)/2], ratios[0], ratios[len(ratios)-1], peak(ours), peak(theirs))
}

func millis(s []sample) string {
	walls := make([]time.Duration, len(s))
	for i := range s {
		walls[i] = s[i].wall
	}
	slices.Sort(walls)
	return fmt.Sprintf("%.1f ms", float64(walls[len(walls)/2].Microseconds())/1000)
}

func peak(s []sample) string {
	most := int64(0)
	for _, one := range s {
		most = max(most, one.peak)
	}
	return fmt.Sprintf("%.1f MiB", float64(most)/1024)
}
