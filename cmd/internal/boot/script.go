// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
)

// scriptFolder is where Debian's key scripts are that are named without a folder.
const scriptFolder = "/lib/cryptsetup/scripts"

// keyctl is Debian's key script that asks and keeps the answer in the keyring, which is done here.
const keyctl = "decrypt_keyctl"

func isKeyctl(v Target) bool {
	return v.Key.Kind == plan.ScriptKey && filepath.Base(v.Key.Path) == keyctl
}

// scriptSource runs a program that prints the key, as crypttab(5) of Debian says.
type scriptSource struct {
	target Target
	tries  int
}

// Name names the program.
func (s *scriptSource) Name() string { return "key script " + s.target.Key.Path }

// Secrets runs the program until it prints a key that fits, as often as there are tries.
func (s *scriptSource) Secrets(ctx context.Context, try Try) error {
	var last error
	for tried := range s.tries {
		last = once(ctx, try, func() (Secret, error) { return s.run(ctx, tried) })
		if !errors.Is(last, luks.ErrPassphrase) || ctx.Err() != nil {
			return last
		}
	}
	return last
}

func (s *scriptSource) run(ctx context.Context, tried int) (key Secret, err error) {
	path := s.target.Key.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(scriptFolder, path)
	}
	cmd := exec.CommandContext(ctx, path, s.target.Key.Argument)
	cmd.Env = append(os.Environ(),
		"CRYPTTAB_NAME="+s.target.Name, "CRYPTTAB_SOURCE="+s.target.Node, "CRYPTTAB_KEY="+s.target.Key.Argument,
		fmt.Sprintf("CRYPTTAB_TRIED=%d", tried), "_CRYPTTAB_NAME="+s.target.Name, "_CRYPTTAB_SOURCE="+s.target.Device.String())
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		return Secret{}, err
	}
	defer r.Close()
	cmd.Stdout = w
	if err := errors.Join(cmd.Start(), w.Close()); err != nil {
		return Secret{}, err
	}
	printed, readErr := ui.ReadKey(ctx, r, ui.Request{KeyFile: path})
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return Secret{}, errors.Join(err, printed.Close())
	}
	return Secret{Buffer: printed, Keyslot: luks.AnyKeyslot}, nil
}

// emptySource tries the empty passphrase, which some installers set for a first boot.
type emptySource struct{}

// Name is what messages call it.
func (emptySource) Name() string { return "the empty passphrase" }

// Secrets tries it.
func (emptySource) Secrets(ctx context.Context, try Try) error {
	return try(ctx, Secret{Keyslot: luks.AnyKeyslot})
}
