// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// interrupted sends SIGINT into the middle of a derivation, and waits for the process to have wiped its
// memory and ended.
func (b *bench) interrupted() error {
	b.printf("From SIGINT in the middle of an unlock to the end of the process; medians of %d. The aim is 50 ms.\n\n", b.pairs)
	b.table("memory", "orthrus", "longest")
	for _, mib := range []int{64, 1024, 4096} {
		if uint64(mib)<<20 > memory()/2 {
			b.row(fmt.Sprintf("%d MiB", mib), "too much for this machine", "")
			continue
		}
		waits, err := b.interrupt(mib)
		if err != nil {
			return err
		}
		b.row(fmt.Sprintf("%d MiB", mib), millis(median(waits)), millis(longest(waits)))
	}
	return nil
}

func (b *bench) interrupt(mib int) ([]time.Duration, error) {
	// The least time and lanes, so that the peer makes the header quickly; then many passes.
	c := unlock("", argon2Costs(mib<<10, 4, 1), 0, 0)
	image, err := b.image(c.make)
	if err != nil {
		return nil, err
	}
	defer os.Remove(image)
	waits := make([]time.Duration, b.pairs)
	for i := range waits {
		if waits[i], err = b.interruptOnce(c.ours.exits(interruptedCode), image, mib); err != nil {
			return nil, err
		}
	}
	return waits, nil
}

// interruptedCode is the exit code of what was interrupted.
const interruptedCode = 1

func (b *bench) interruptOnce(c command, image string, mib int) (time.Duration, error) {
	cmd := b.prepare(c, image)
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	time.Sleep(time.Duration(mib) * time.Millisecond) // half of an unlock on a fast machine
	sent := time.Now()
	if err := cmd.Process.Signal(unix.SIGINT); err != nil {
		return 0, fmt.Errorf("%s ended before it could be interrupted: %w", c.program, err)
	}
	err := cmd.Wait()
	wait := time.Since(sent)
	_, err = finish(c, cmd, wait, err)
	return wait, err
}

func longest(waits []time.Duration) time.Duration {
	most := time.Duration(0)
	for _, wait := range waits {
		most = max(most, wait)
	}
	return most
}
