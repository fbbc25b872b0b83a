// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestAFileThatNeverEndsIsNotReadToItsEnd(t *testing.T) {
	if _, err := ReadNamed(t.Context(), "/dev/zero", 4096); !errors.Is(err, ErrTooLarge) {
		t.Errorf("/dev/zero: %v", err)
	}
	path := filepath.Join(t.TempDir(), "a")
	for size, want := range map[int]error{4096: nil, 4097: ErrTooLarge} {
		if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
		text, err := ReadNamed(t.Context(), path, 4096)
		if !errors.Is(err, want) || want == nil && len(text) != size {
			t.Errorf("%d bytes: %d read, %v", size, len(text), err)
		}
	}
}

func TestAFIFOThatNobodyWritesToIsLetGo(t *testing.T) {
	path := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := ReadNamed(ctx, path, 4096); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
