// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
)

// LockPatience is how long a report waits for somebody who is changing the header. What it then
// reads without the lock may be half of an update, but a report that never comes says less.
const LockPatience = 5 * time.Second

// WithHeader opens the device and runs do under its lock.
func WithHeader(ctx context.Context, c *verb.Command, path string, write bool, do func(*luks.File) error) (err error) {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: write, NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return verb.DeviceError(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	waiting, cancel := context.WithTimeout(ctx, LockPatience)
	defer cancel()
	release, err := file.LockMetadata(waiting, write)
	if err != nil {
		return held(ctx, path, file, err)
	}
	defer func() { err = errors.Join(err, release()) }()
	return do(file)
}

// LoadPatiently loads the volume, and waits no longer for its lock than a report does.
func LoadPatiently(ctx context.Context, path string, file *luks.File) (*luks.Volume, error) {
	waiting, cancel := context.WithTimeout(ctx, LockPatience)
	defer cancel()
	v, err := luks.Load(waiting, file)
	if err != nil {
		return v, held(ctx, path, file, err)
	}
	return v, nil
}

// held says who kept a lock for longer than somebody was to wait for it, where that is the error.
func held(ctx context.Context, path string, file *luks.File, err error) error {
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return err
	}
	return verb.Failure(ui.InUse, "Somebody else holds the lock on the header of %s%s; run this again when "+
		"they are done.", path, users(file))
}

// users names the processes that have a block device open.
func users(file *luks.File) string {
	if !file.IsBlock() {
		return ""
	}
	holders, err := block.Holders(file.Major(), file.Minor())
	if err != nil {
		return ""
	}
	var names []string
	for _, h := range holders {
		if h.Kind == block.HolderProcess {
			names = append(names, fmt.Sprintf("%s (process %d)", h.Name, h.PID))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", which these have open: " + strings.Join(names, ", ")
}
