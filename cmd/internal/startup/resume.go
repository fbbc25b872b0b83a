// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Resume is where a hibernated system may lie.
type Resume struct {
	Device string // as in fstab(5); "" for none
	Offset string // of a swap file, in pages
}

// ParseResume reads resume=, resume_offset= and noresume from the kernel command
// line.
func ParseResume(cmdline string) Resume {
	var r Resume
	for _, word := range Words(cmdline) {
		key, value, _ := strings.Cut(word, "=")
		switch key {
		case "resume":
			r.Device = unquote(value)
		case "resume_offset":
			r.Offset = value
		case "noresume":
			return Resume{}
		}
	}
	return r
}

// resumePatience is how long a disk to resume from is waited for: without it
// the machine starts anew.
const resumePatience = 10 * time.Second

// resume lets the kernel go on with a system that was hibernated, before any of
// its file systems is touched. It returns where there is none.
func resume(ctx context.Context, r Resume, find func(context.Context, string) (string, error)) error {
	if r.Device == "" {
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
