// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
)

// hurt damages a copy of a volume in a way that the guard can mend.
func hurt(whole []byte, r *rand.Rand) []byte {
	p := append([]byte{}, whole...)
	from := r.IntN(2) * headSize
	switch r.IntN(3) {
	case 0: // the whole copy
		clear(p[from : from+headSize])
	case 1: // a torn one
		at := from + 512*r.IntN(headSize/512)
		clear(p[at : at+512])
		p[from+8] ^= 0xff
	case 2: // garbage
		for i := range 4096 {
			p[from+i] = byte(r.Uint32())
		}
	}
	return p
}

// Ended at any moment, by force or politely, the guard leaves a volume that opens, and the next one
// finishes the work.
func TestEndedAtAnyMoment(t *testing.T) {
	rounds := part.Count(t, "rounds", 1000, 30)
	r := rand.New(rand.NewPCG(6, 1))
	g := newGuarded(t, "repair = proven\nsettle = 0s")
	whole, _ := newVolume(t, 1)
	path := g.image("a")
	put(t, path, whole)
	if out, err := g.command("--once", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	begin := time.Now()
	if err := os.WriteFile(path, hurt(whole, r), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := g.command("--once", path).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	length := time.Since(begin)
	var interrupted, finished int
	for round := range rounds {
		put(t, path, hurt(whole, r))
		signal := []os.Signal{syscall.SIGKILL, syscall.SIGKILL, syscall.SIGTERM}[r.IntN(3)]
		if endOnce(t, g, path, time.Duration(r.Int64N(int64(length)*5/4)), signal) {
			finished++
		} else {
			interrupted++
		}
		holds(t, round, path, whole)
		if out, err := g.command("--once", path).CombinedOutput(); err != nil {
			t.Fatalf("round %d, afterwards: %v: %s", round, err, out)
		}
		if wrong := inOrder(t, path, whole); wrong != "" {
			t.Fatalf("round %d: %s", round, wrong)
		}
	}
	t.Logf("%d rounds: ended in the middle %d times, at the end %d times; a whole one takes %v", rounds, interrupted, finished, length)
}

// endOnce runs one look and ends it after a while; true where it was done before.
func endOnce(t *testing.T, g guarded, path string, after time.Duration, signal os.Signal) bool {
	t.Helper()
	c := g.command("--once", path)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(after)
	_ = c.Process.Signal(signal)
	err := c.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return err == nil
}

// holds: one copy of the head is valid and nothing beside the heads was touched.
func holds(t *testing.T, round int, path string, whole []byte) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if wrong := opens(t, got, whole); wrong != "" {
		t.Fatalf("round %d: %s", round, wrong)
	}
}
