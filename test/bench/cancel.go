// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// interrupted cancels derivations half-way: in this process until the call returns, and as a process
// that gets SIGINT until it has wiped its memory and ended.
func (b *bench) interrupted() error {
	b.printf("In the middle of an Argon2id derivation: from the cancellation to the return of the call, for which the aim is 50 ms,\n"+
		"and from SIGINT to the end of the process, which wipes its memory first. Medians of %d.\n\n", b.pairs)
	b.table("memory", "call returns after", "longest", "process ends after", "longest")
	for _, mib := range []int{64, 1024, 4096} {
		name := fmt.Sprintf("%d MiB", mib)
		if uint64(mib)<<20 > memory()/2 {
			b.row(name, "too much for this machine", "", "", "")
			continue
		}
		calls, err := b.cancelCalls(mib)
		if err != nil {
			return err
		}
		processes, err := b.interruptProcesses(mib)
		if err != nil {
			return err
		}
		b.row(name, millis(median(calls)), millis(slices.Max(calls)), millis(median(processes)),
			millis(slices.Max(processes)))
	}
	return nil
}

// early is well after the start, and well before the end on any machine.
func early(mib int) time.Duration {
	return max(20*time.Millisecond, time.Duration(mib)*time.Millisecond/4)
}

func (b *bench) cancelCalls(mib int) ([]time.Duration, error) {
	waits := make([]time.Duration, b.pairs)
	for i := range waits {
		ctx, cancel := context.WithCancel(context.Background())
		var cancelled time.Time
		time.AfterFunc(early(mib), func() { cancelled = time.Now(); cancel() })
		p := kdf.Params{Type: kdf.Argon2id, Time: 100, Memory: uint32(mib) << 10, CPUs: 4, Salt: make([]byte, 32)}
		if err := p.Derive(ctx, make([]byte, 64), []byte(passphrase)); !errors.Is(err, context.Canceled) {
			return nil, fmt.Errorf("%d MiB: cancelled derivation: %w", mib, err)
		}
		waits[i] = time.Since(cancelled)
		kdf.Wait()
	}
	return waits, nil
}

func (b *bench) interruptProcesses(mib int) ([]time.Duration, error) {
	passes := max(4, 4096/mib) // so that there is a middle
	c := unlock("", argon2Costs(mib<<10, passes, 4), 0, 0)
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
	time.Sleep(early(mib))
	sent := time.Now()
	if err := cmd.Process.Signal(unix.SIGINT); err != nil {
		return 0, fmt.Errorf("%s ended before it could be interrupted: %w", c.program, err)
	}
	err := cmd.Wait()
	wait := time.Since(sent)
	_, err = finish(c, cmd, wait, err)
	return wait, err
}
