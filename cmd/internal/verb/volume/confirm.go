// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// ExitOnNo gives a declined question another exit code than most have.
func ExitOnNo(code ui.ExitCode, err error) error {
	if errors.Is(err, ui.ErrDeclined) {
		return ui.WithCode(err, code)
	}
	return err
}
