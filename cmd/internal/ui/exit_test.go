// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

func TestErrorsFindTheirExitCode(t *testing.T) {
	gone := errors.New("gone")
	for _, c := range []struct {
		err  error
		want ExitCode
	}{
		{nil, OK},
		{errors.New("anything"), Failed},
		{fmt.Errorf("dm: %w", unix.EPERM), Denied},
		{fmt.Errorf("kdf: %w", unix.ENOMEM), NoMemory},
		{unix.ENODEV, NoDevice},
		{unix.ENOTBLK, NoDevice},
		{&os.PathError{Op: "open", Path: "x", Err: unix.EBUSY}, InUse},
		{unix.EEXIST, InUse},
		{unix.ENOENT, Failed},
		{unix.EINVAL, Failed},
		{ErrDeclined, Denied},
		{WithCode(ErrDeclined, Failed), Failed},
		{fmt.Errorf("x: %w", WithCode(unix.EBUSY, NoDevice)), NoDevice},
		{fmt.Errorf("device: %w", gone), NoDevice},
	} {
		if got := CodeOf(c.err, Kind{gone, NoDevice}); got != c.want {
			t.Errorf("%v: %d, want %d", c.err, got, c.want)
		}
	}
	if WithCode(nil, Failed) != nil {
		t.Error("no error became one")
	}
}

func TestVerboseRunsTellHowTheyEnded(t *testing.T) {
	for code, want := range map[ExitCode]string{
		OK:       "Command successful.\n",
		Failed:   "Command failed with code -1 (wrong or missing parameters).\n",
		Denied:   "Command failed with code -2 (no permission or bad passphrase).\n",
		NoMemory: "Command failed with code -3 (out of memory).\n",
		NoDevice: "Command failed with code -4 (wrong device or file specified).\n",
		InUse:    "Command failed with code -5 (device already exists or device is busy).\n",
	} {
		var out bytes.Buffer
		(&UI{Out: &out, Verbose: true}).Conclude(code)
		if out.String() != want {
			t.Errorf("%q, want %q", out.String(), want)
		}
		out.Reset()
		(&UI{Out: &out}).Conclude(code)
		if out.Len() > 0 {
			t.Errorf("said %q without -v", out.String())
		}
	}
}

func TestSignalsCancelTheContext(t *testing.T) {
	for _, signal := range []unix.Signal{unix.SIGINT, unix.SIGTERM} {
		ctx, stop := Interruptible(context.Background())
		if err := unix.Kill(unix.Getpid(), signal); err != nil {
			t.Fatal(err)
		}
		select {
		case <-ctx.Done():
		case <-time.After(pace.Limit(5 * time.Second)):
			t.Errorf("%v did not cancel", signal)
		}
		stop()
	}
}
