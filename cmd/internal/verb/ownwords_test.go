// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"golang.org/x/sys/unix"
)

func TestErrorsAreToldInAPersonsWords(t *testing.T) {
	missing := &fs.PathError{Op: "open", Path: "/a", Err: unix.ENOENT}
	c := &Command{Invocation: &cli.Invocation{Program: "orthrus", Action: "open"}, UI: &ui.UI{Own: true}}
	for _, test := range []struct {
		err  error
		want string
		code ui.ExitCode
	}{
		{missing, "Cannot open /a: no such file or directory.", ui.Failed},
		{fmt.Errorf("header file: %w", missing), "Header file: cannot open /a: no such file or directory.", ui.Failed},
		{fmt.Errorf("header file /a: %w", missing), "Header file /a: no such file or directory.", ui.Failed},
		{Failure(ui.Failed, "Undo copy /a cannot be used: %v.", missing), "Undo copy /a cannot be used: no such file or directory.", ui.Failed},
		{DeviceError("/a", missing), "Device /a does not exist.", ui.NoDevice},
		{unix.EIO, "Input/output error.", ui.Failed},
		{fmt.Errorf("one\ntwo"), "One; two.", ui.Failed},
		{context.Canceled, "Interrupted.", ui.Interrupted},
		{Hinted(DeviceError("/a", missing), "Look there."), "Device /a does not exist.", ui.NoDevice},
	} {
		said := c.inOwnWords(context.Background(), Explain(test.err), test.err)
		if said.Lines[0] != test.want || said.Code != test.code {
			t.Errorf("%v: %q, code %d", test.err, said.Lines, said.Code)
		}
	}
}
