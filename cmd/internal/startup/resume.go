// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"context"
	"fmt"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
)

// resumePatience is how long a disk to resume from is waited for: without it
// the machine starts anew.
const resumePatience = 10 * time.Second

// resume lets the kernel go on with a system that was hibernated, before any of
// its file systems is touched. It returns where there is none.
func resume(ctx context.Context, r cmdline.Resume, find func(context.Context, string) (string, error)) error {
	if r.Device == "" || r.Never {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, resumePatience)
	defer cancel()
	node, err := find(ctx, r.Device)
	if err != nil {
		return fmt.Errorf("resuming: %w", err)
	}
	var st unix.Stat_t
	if err := unix.Stat(node, &st); err != nil {
		return fmt.Errorf("resuming from %s: %w", node, err)
	}
	if r.Offset != "" {
		if err := os.WriteFile("/sys/power/resume_offset", []byte(r.Offset), 0); err != nil {
			return fmt.Errorf("resuming: %w", err)
		}
	}
	number := fmt.Sprintf("%d:%d", unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	if err := os.WriteFile("/sys/power/resume", []byte(number), 0); err != nil {
		return fmt.Errorf("resuming from %s: %w", node, err)
	}
	return nil
}
