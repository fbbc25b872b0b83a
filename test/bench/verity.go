// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// veritySize is the image that both work on, bytes: veritysetup takes a second of one processor for 64 MiB of parity.
const veritySize = 256 << 20

// verityContest is one command line of both; files are "data", "hash" and "fec" in the bench's directory.
type verityContest struct {
	name    string
	args    []string
	one     bool    // on one processor
	atLeast float64 // times as fast as veritysetup
	damaged bool    // the image has a bad block: veritysetup looks at the parity of such ones alone
}

func verityContests() []verityContest {
	format := []string{"format", "data", "hash", "--salt", "-"}
	verify := []string{"verify", "data", "hash", "--root-hash-file", "root"}
	fec := []string{"--fec-device", "fec"}
	return []verityContest{
		{"format", format, false, 1.9, false},
		{"format", format, true, 1.1, false},
		{"format, FEC of 2 roots", append(format, fec...), false, 20, false},
		{"format, FEC of 2 roots", append(format, fec...), true, 12, false},
		{"verify", verify, false, 1.9, false},
		{"verify", verify, true, 1.1, false},
		{"verify, FEC of 2 roots, a bad block", append(verify, fec...), false, 20, true},
		{"verify, FEC of 2 roots, a bad block", append(verify, fec...), true, 12, true},
	}
}

// verityTables are about dm-verity images.
func (b *bench) verityTables() error {
	peer, err := exec.LookPath("veritysetup")
	if err != nil {
		return fmt.Errorf("veritysetup is missing; scripts/setup installs it: %w", err)
	}
	if err := b.randomImage("data", veritySize); err != nil {
		return err
	}
	if err := b.verityFormat(); err != nil {
		return err
	}
	restore, priority := beforeOthers()
	defer restore()
	b.printf("Medians of %d pairs run in turn, %s, on %d MiB of random data in files that are in memory;\n"+
		"processor time in brackets.\n\n", b.pairs, priority, veritySize>>20)
	b.table("case", "processors", "orthrus", "veritysetup", "times as fast", "aim", "peak memory")
	for _, c := range verityContests() {
		if !strings.Contains(c.name, b.only) {
			continue
		}
		if c.damaged {
			if err := b.spoil("data", veritySize/2, 1); err != nil {
				return err
			}
		}
		if err := b.verityPairs(c, peer); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	if err := b.verityRepair(peer); err != nil {
		return err
	}
	return b.verityCosts()
}

// verityFormat makes tree, parity and root hash file of "data".
func (b *bench) verityFormat() error {
	_, err := b.verity(b.ours, false, "format", "data", "hash", "--fec-device", "fec", "--salt", "-",
		"--root-hash-file", "root")
	return err
}

// verity runs a program on files of the bench's directory.
func (b *bench) verity(program string, one bool, args ...string) (sample, error) {
	return b.verityEnding(program, one, 0, args...)
}

// verityEnding runs one that has to end with an exit status.
func (b *bench) verityEnding(program string, one bool, exit int, args ...string) (sample, error) {
	if program == b.ours {
		args = append([]string{"verity"}, args...)
	}
	cmd := exec.Command(program, args...)
	cmd.Dir = b.dir
	if one {
		restore, err := onOneProcessor()
		if err != nil {
			return sample{}, err
		}
		defer restore()
	}
	start := time.Now()
	out, err := cmd.CombinedOutput()
	s, err := finish(command{program: program, args: args, exit: exit}, cmd, time.Since(start), err)
	if err != nil {
		return s, fmt.Errorf("%w\n%s", err, out)
	}
	return s, nil
}

// onOneProcessor keeps what is begun from now on there; this process is one, as Go takes a thread of any processor.
func onOneProcessor() (restore func(), err error) {
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return nil, err
	}
	for i := range len(all) * 64 {
		if all.IsSet(i) {
			one.Set(i)
			break
		}
	}
	set := func(to *unix.CPUSet) error {
		return onEveryThread(func(id int) error { return unix.SchedSetaffinity(id, to) })
	}
	return func() { _ = set(&all) }, set(&one)
}

// beforeOthers runs what is begun from now on before other programs, where that is allowed.
func beforeOthers() (restore func(), words string) {
	const first, usual = -20, 0
	set := func(to int) error {
		return onEveryThread(func(id int) error { return unix.Setpriority(unix.PRIO_PROCESS, id, to) })
	}
	if set(first) != nil {
		return func() {}, "at the priority of other programs"
	}
	return func() { _ = set(usual) }, "before other programs (nice -n -20)"
}

// onEveryThread does something to each thread of this process.
func onEveryThread(do func(id int) error) error {
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil {
		return err
	}
	for _, task := range tasks {
		var id int
		if _, err := fmt.Sscan(filepath.Base(task), &id); err != nil {
			return err
		}
		if err := do(id); err != nil && err != unix.ESRCH {
			return err
		}
	}
	return nil
}

func (b *bench) verityPairs(c verityContest, peer string) error {
	var ours, theirs []sample
	var times []float64
	exit := 0
	if c.damaged {
		exit = 2
	}
	for range b.pairs {
		mine, err := b.verityEnding(b.ours, c.one, exit, c.args...)
		if err != nil {
			return err
		}
		other, err := b.verity(peer, c.one, c.args...)
		if err != nil {
			return err
		}
		ours, theirs = append(ours, mine), append(theirs, other)
		times = append(times, other.wall.Seconds()/mine.wall.Seconds())
	}
	processors := "all"
	if c.one {
		processors = "1"
	}
	b.row(c.name, processors, wallAndProcessor(ours), wallAndProcessor(theirs), fmt.Sprintf("**%.1f**", median(times)),
		fmt.Sprintf("≥ %.1f", c.atLeast), fmt.Sprintf("%.1f MiB / %.1f MiB", peak(ours), peak(theirs)))
	return nil
}

func wallAndProcessor(list []sample) string {
	var wall, processor []time.Duration
	for _, s := range list {
		wall, processor = append(wall, s.wall), append(processor, s.processor)
	}
	return millis(median(wall)) + " (" + millis(median(processor)) + ")"
}

// What verityRepair repairs.
const (
	repairSize = 1 << 30 // bytes
	badBlocks  = 1000
)

// verityRepair compares a repair with one verify of the sound image, by veritysetup and by ours.
func (b *bench) verityRepair(peer string) error {
	if err := b.randomImage("data", repairSize); err != nil {
		return err
	}
	if err := b.verityFormat(); err != nil {
		return err
	}
	verify := []string{"verify", "data", "hash", "--root-hash-file", "root", "--fec-device", "fec"}
	var theirs, verified, repaired []sample
	for range b.pairs {
		for program, list := range map[string]*[]sample{b.ours: &verified, peer: &theirs} {
			s, err := b.verity(program, false, verify...)
			if err != nil {
				return err
			}
			*list = append(*list, s)
		}
	}
	if err := b.spoil("data", repairSize/2, badBlocks); err != nil {
		return err
	}
	for range b.pairs {
		s, err := b.verity(b.ours, false, append(verify, "--repair", "new")...)
		if err != nil {
			return err
		}
		repaired = append(repaired, s)
		if err := os.Remove(filepath.Join(b.dir, "new")); err != nil {
			return err
		}
	}
	b.printf("\nAn image of 1 GiB with %d bad blocks, repaired into another file, beside one verify.\n\n",
		badBlocks)
	b.table("", "time (processor)", "of a verify of veritysetup", "aim", "of ours", "peak memory")
	b.row("verify of veritysetup", wallAndProcessor(theirs), "", "", "", fmt.Sprintf("%.1f MiB", peak(theirs)))
	b.row("verify", wallAndProcessor(verified), "", "", "", fmt.Sprintf("%.1f MiB", peak(verified)))
	ratio := func(of []sample) string {
		return fmt.Sprintf("**%.2f**", medianWall(repaired).Seconds()/medianWall(of).Seconds())
	}
	b.row("repair", wallAndProcessor(repaired), ratio(theirs), "≤ 1.50", ratio(verified),
		fmt.Sprintf("%.1f MiB", peak(repaired)))
	return nil
}

func medianWall(list []sample) time.Duration {
	var wall []time.Duration
	for _, s := range list {
		wall = append(wall, s.wall)
	}
	return median(wall)
}

// spoil damages blocks in a row: the code can repair twice as many of these, and of scattered ones not any three that
// are in one round of it.
func (b *bench) spoil(name string, from, blocks int64) error {
	f, err := os.OpenFile(filepath.Join(b.dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	r := rand.New(rand.NewPCG(1, 1))
	for block := range blocks {
		if _, err := f.WriteAt(make([]byte, 100), from+block*4096+int64(r.IntN(3000))); err != nil {
			return err
		}
	}
	return nil
}

// verityCosts tells how format grows with the size and the roots, and what it needs of memory.
func (b *bench) verityCosts() error {
	b.printf("\nformat by size and roots (no pairs), with holes in the last line: 64 GiB that nobody has written.\n\n")
	b.table("size", "roots", "time (processor)", "peak memory, aim: 64 MiB")
	for _, size := range []int64{64 << 20, 256 << 20, 1 << 30} {
		if err := b.randomImage("data", size); err != nil {
			return err
		}
		for _, roots := range []string{"2", "8", "24"} {
			if err := b.verityCost(fmt.Sprintf("%d MiB", size>>20), roots); err != nil {
				return err
			}
		}
	}
	if err := b.sparseImage("data", 64<<30); err != nil {
		return err
	}
	defer os.Remove(filepath.Join(b.dir, "fec"))
	return b.verityCost("64 GiB of holes", "2")
}

func (b *bench) verityCost(size, roots string) error {
	s, err := b.verity(b.ours, false, "format", "data", "hash", "--fec-device", "fec", "--salt", "-",
		"--fec-roots", roots)
	if err != nil {
		return err
	}
	one := []sample{s}
	b.row(size, roots, wallAndProcessor(one), fmt.Sprintf("%.1f MiB", peak(one)))
	return nil
}

func (b *bench) sparseImage(name string, size int64) error {
	for _, old := range []string{name, "hash", "fec", "root"} {
		if err := os.Remove(filepath.Join(b.dir, old)); err != nil && !os.IsNotExist(err) {
			return err
		}
	}
	f, err := os.Create(filepath.Join(b.dir, name))
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Truncate(size)
}

// randomImage also removes the files that were made for the image before it.
func (b *bench) randomImage(name string, size int64) error {
	if err := b.sparseImage(name, size); err != nil {
		return err
	}
	f, err := os.OpenFile(filepath.Join(b.dir, name), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriter(f)
	r := rand.NewChaCha8([32]byte{1})
	piece := make([]byte, 64<<10)
	for range size / int64(len(piece)) {
		if _, err := r.Read(piece); err != nil {
			return err
		}
		if _, err := w.Write(piece); err != nil {
			return err
		}
	}
	return w.Flush()
}
