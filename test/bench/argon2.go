// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// argon2Passes is what LUKS asks for at least.
const argon2Passes = 4

// argon2Table shows how cost grows with memory and lanes.
func (b *bench) argon2Table() error {
	b.printf("In this process, %d passes, medians of 3 (of one from 2 GiB), memory at hand; the time, and in brackets the memory passed over in a second.\n\n", argon2Passes)
	b.table("memory", "1 lane", "2 lanes", "4 lanes")
	for kib := uint32(64); kib <= 4<<20; kib *= 4 {
		cells := []string{size(kib)}
		for _, lanes := range []uint32{1, 2, 4} {
			cell, err := argon2Cell(kib, lanes)
			if err != nil {
				return err
			}
			cells = append(cells, cell)
		}
		b.row(cells...)
	}
	return nil
}

func argon2Cell(kib, lanes uint32) (string, error) {
	if uint64(kib)<<10 > memory()*3/4 {
		return "too much for this machine", nil
	}
	times := 3
	if kib >= 2<<20 {
		times = 1
	}
	if err := findMemory(uint64(kib) << 10); err != nil {
		return "", err
	}
	took, err := deriving(kdf.Params{Type: kdf.Argon2id, Time: argon2Passes, Memory: kib, CPUs: lanes}, times)
	if err != nil {
		return "", err
	}
	rate := float64(argon2Passes) * float64(kib) / (1 << 20) / took.Seconds()
	return fmt.Sprintf("%s (%.2f GiB/s)", brief(took), rate), nil
}

func size(kib uint32) string {
	switch {
	case kib >= 1<<20:
		return fmt.Sprintf("%d GiB", kib>>20)
	case kib >= 1<<10:
		return fmt.Sprintf("%d MiB", kib>>10)
	}
	return fmt.Sprintf("%d KiB", kib)
}

// brief gives three digits.
func brief(d time.Duration) string {
	switch {
	case d >= time.Second:
		return fmt.Sprintf("%.2f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", d.Seconds()*1e3)
	}
	return fmt.Sprintf("%.2f ms", d.Seconds()*1e3)
}
