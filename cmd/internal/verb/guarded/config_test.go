// SPDX-License-Identifier: Apache-2.0

package guarded

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"golang.org/x/sys/unix"
)

func TestAConfigurationThatIsNoneDoesNotHang(t *testing.T) {
	fifo := filepath.Join(t.TempDir(), "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if _, err := ReadConfig(ended, cli.Value[string]{V: fifo, Set: true}); !errors.Is(err, context.Canceled) {
		t.Errorf("a FIFO: %v", err)
	}
	if _, err := ReadConfig(t.Context(), cli.Value[string]{V: "/dev/zero", Set: true}); !errors.Is(err, ui.ErrTooLarge) {
		t.Errorf("without an end: %v", err)
	}
}
