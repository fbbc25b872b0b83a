// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"golang.org/x/sys/unix"
)

// slow is the cost of keyslots whose derivation others can meet in its middle.
const slow = "--pbkdf pbkdf2 --pbkdf-force-iterations 700000 "

// held is a run of ours that has read the volume, and waits for its key out of a pipe.
type held struct {
	b     *bed
	cmd   *exec.Cmd
	pipe  *os.File
	text  bytes.Buffer
	key   string
	ended chan struct{}
}

// hold starts a command line in which "@" stands for the key file.
func (b *bed) hold(line, key string) *held {
	b.t.Helper()
	pipe := b.path("pipe of " + key)
	if err := unix.Mkfifo(pipe, 0o600); err != nil {
		b.t.Fatal(err)
	}
	args := words(line)
	args[slices.Index(args, "@")] = pipe
	h := &held{b: b, cmd: exec.Command(bench.ours.path, args...), key: key, ended: make(chan struct{})}
	h.cmd.Dir, h.cmd.Stderr = b.dir, &h.text
	if err := h.cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	go func() { _ = h.cmd.Wait(); close(h.ended) }()
	var err error
	if h.pipe, err = os.OpenFile(pipe, os.O_WRONLY, 0); err != nil { // waits for the reader
		b.t.Fatal(err)
	}
	return h
}

// feed gives the key.
func (h *held) feed() {
	h.b.t.Helper()
	_, err := h.pipe.Write(h.b.read(h.key))
	if closeErr := h.pipe.Close(); err != nil || closeErr != nil {
		h.b.t.Fatal(err, closeErr)
	}
}

// pause stops the run in the middle of a derivation, unless it has ended.
func (h *held) pause() {
	h.b.t.Helper()
	for h.ticks() < 6 {
		select {
		case <-h.ended:
			return
		case <-time.After(2 * time.Millisecond):
		}
	}
	h.signal(syscall.SIGSTOP)
}

func (h *held) signal(s syscall.Signal) {
	h.b.t.Helper()
	if err := h.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		h.b.t.Fatal(err)
	}
}

// ticks are what the run has computed, in hundredths of a second.
func (h *held) ticks() (n int) {
	h.b.t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", h.cmd.Process.Pid))
	if err != nil {
		return 0 // it has ended
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if _, err := fmt.Sscan(fields[11], &n); err != nil {
		h.b.t.Fatal(err)
	}
	return n
}

// end returns the exit code.
func (h *held) end() int {
	<-h.ended
	return h.cmd.ProcessState.ExitCode()
}

// atOnce runs command lines, all of which have read the volume before any has its key.
func (b *bed) atOnce(lines []string, keys ...string) (codes []int, said string) {
	b.t.Helper()
	var runs []*held
	for i, line := range lines {
		runs = append(runs, b.hold(line, keys[i]))
	}
	for _, h := range runs {
		h.feed()
	}
	for _, h := range runs {
		codes = append(codes, h.end())
		said += h.text.String()
	}
	return codes, said
}

// opening lists those of the keys that open a volume; ours and both peers agree about each.
func (b *bed) opening(args string, keys ...string) []string {
	b.t.Helper()
	var list []string
	for _, key := range keys {
		line := words("open --test-passphrase --key-file " + key + " " + args)
		ours := b.run(bench.ours, line...).code
		for _, peer := range []tool{bench.bookworm, bench.trixie} {
			if theirs := b.run(peer, line...).code; (ours == 0) != (theirs == 0) {
				b.t.Errorf("%s with %s: exit %d, with %s %d", args, key, ours, peer.name, theirs)
			}
		}
		if ours == 0 {
			list = append(list, key)
		}
	}
	return list
}

// two makes a.img, a volume with k1 and k2.
func (b *bed) two(cost1, cost2 string) {
	b.t.Helper()
	b.image("a.img", 24<<20)
	b.must(bench.ours, words("luksFormat -q --key-file k1 "+cost1+"a.img")...)
	b.must(bench.ours, words("luksAddKey -q --key-file k1 "+cost2+"a.img k2")...)
}

// removals are pairs of command lines, with their keys, that would leave no keyslot together.
var removals = map[string]struct {
	lines []string
	keys  []string
}{
	"luksRemoveKey": {[]string{"luksRemoveKey -q a.img @", "luksRemoveKey -q a.img @"}, []string{"k1", "k2"}},
	"luksKillSlot": {
		[]string{"luksKillSlot -q --key-file @ a.img 0", "luksKillSlot -q --key-file @ a.img 1"},
		[]string{"k2", "k1"},
	},
}

func TestTwoRemovalsAtOnceLeaveAKey(t *testing.T) {
	for name, c := range removals {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.two(slow, slow)
			codes, said := b.atOnce(c.lines, c.keys...)
			left := b.opening("a.img", "k1", "k2")
			if len(left) != 1 || (codes[0] == 0) == (codes[1] == 0) {
				t.Errorf("exit %d leaves %q: %s", codes, left, said)
			}
		})
	}
}

// TestTheSecondRemovalGoesByWhatItRead: it gets its key when the first one has ended. That its keyslot is the last one
// by now is nothing that -q said yes to.
func TestTheSecondRemovalGoesByWhatItRead(t *testing.T) {
	for name, c := range removals {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.two(costs, costs)
			first, second := b.hold(c.lines[0], c.keys[0]), b.hold(c.lines[1], c.keys[1])
			first.feed()
			if code := first.end(); code != 0 {
				t.Fatalf("exit %d: %s", code, first.text.String())
			}
			second.feed()
			if code, left := second.end(), b.opening("a.img", "k1", "k2"); code == 0 || len(left) != 1 {
				t.Errorf("exit %d leaves %q: %s", code, left, second.text.String())
			}
		})
	}
}

// TestOneVolumeUnderTwoNamesHasOneLock: a loop device shows the bytes of its file, and so does a second one over it.
func TestOneVolumeUnderTwoNamesHasOneLock(t *testing.T) {
	for name, stack := range map[string]func(file string) [2]string{
		"a file and its loop device":     func(f string) [2]string { return [2]string{attached(t, f), f} },
		"two loop devices":               func(f string) [2]string { return [2]string{attached(t, f), attached(t, f)} },
		"a loop device over another one": func(f string) [2]string { return [2]string{attached(t, attached(t, f)), f} },
	} {
		t.Run(name, func(t *testing.T) {
			b := newBed(t)
			b.two(slow, slow)
			devices := stack(b.path("a.img"))
			codes, said := b.atOnce([]string{
				"luksRemoveKey -q " + devices[0] + " @", "luksRemoveKey -q " + devices[1] + " @",
			}, "k1", "k2")
			left := b.opening("a.img", "k1", "k2")
			if len(left) != 1 || (codes[0] == 0) == (codes[1] == 0) {
				t.Errorf("exit %d leaves %q: %s", codes, left, said)
			}
		})
	}
}

// TestAnImageThatSomebodyKeepsLockedCanBeRead: who uses an image as a disk may hold its lock for as long, and knows
// nothing of LUKS.
func TestAnImageThatSomebodyKeepsLockedCanBeRead(t *testing.T) {
	b := newBed(t)
	b.two(costs, costs)
	loop := attached(t, b.path("a.img"))
	f, err := os.Open(b.path("a.img"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"luksDump ", "open --test-passphrase --key-file k1 ", "check "} {
		b.must(bench.ours, words(line+loop)...)
	}
}

// attached is a loop device over a file or device; it goes with the test.
func attached(t *testing.T, file string) string {
	t.Helper()
	loop, err := block.AttachLoop(file, block.LoopOptions{})
	if err != nil {
		t.Fatalf("a loop device is needed (root, and modprobe loop): %v", err)
	}
	t.Cleanup(func() { _ = loop.Detach() })
	return loop.Path
}

func TestTwoChangesOfOneKeyAtOnceAcknowledgeOne(t *testing.T) {
	b := newBed(t)
	b.two(slow, costs)
	b.copy("k1", "same")
	codes, said := b.atOnce([]string{
		"luksChangeKey -q --key-file @ " + costs + "a.img k3", "luksChangeKey -q --key-file @ " + costs + "a.img wrong",
	}, "k1", "same")
	left := b.opening("a.img", "k1", "k3", "wrong")
	if len(left) != 1 || left[0] == "k1" {
		t.Fatalf("exit %d leaves %q: %s", codes, left, said)
	}
	for i, key := range []string{"k3", "wrong"} {
		if (codes[i] == 0) != (left[0] == key) {
			t.Errorf("the change to %s: exit %d, and %q opens: %s", key, codes[i], left, said)
		}
	}
}

// TestAKeyThatWasRevokedMeanwhileChangesNothing: while ours derives by keyslot 0, somebody else kills it and puts
// a key of theirs into its place.
func TestAKeyThatWasRevokedMeanwhileChangesNothing(t *testing.T) {
	for _, line := range []string{
		"luksRemoveKey -q a.img @",
		"luksChangeKey -q " + costs + "--key-file @ a.img wrong",
		"luksAddKey -q " + costs + "--key-file @ a.img wrong",
		"luksKillSlot -q --key-file @ a.img 1",
	} {
		t.Run(words(line)[0], func(t *testing.T) {
			b := newBed(t)
			b.two(slow, costs)
			h := b.hold(line, "k1")
			h.feed()
			h.pause()
			b.must(bench.bookworm, words("luksKillSlot -q --key-file k2 a.img 0")...)
			b.must(bench.bookworm, words("luksAddKey -q --key-slot 0 --key-file k2 "+costs+"a.img k3")...)
			h.signal(syscall.SIGCONT)
			code := h.end()
			left := b.opening("a.img", "k1", "k2", "k3", "wrong")
			if code != 1 || !slices.Equal(left, []string{"k2", "k3"}) {
				t.Errorf("exit %d leaves %q: %s", code, left, h.text.String())
			}
		})
	}
}
