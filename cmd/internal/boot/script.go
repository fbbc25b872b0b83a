// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/open"
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
func (s *scriptSource) Secrets(ctx context.Context, try open.Try) error {
	var last error
	for tried := range s.tries {
		once := open.One{Get: func(ctx context.Context) (open.Secret, error) { return s.run(ctx, tried) }}
		last = once.Secrets(ctx, try)
		if !errors.Is(last, luks.ErrPassphrase) || ctx.Err() != nil {
			return last
		}
	}
	return last
}

// environment is what crypttab(5) of Debian says a script is told: each option by a name of its own, in
// which "-" is "_", a flag as "yes".
func (s *scriptSource) environment(tried int) []string {
	t := s.target
	all := []string{
		"CRYPTTAB_NAME=" + t.Name, "CRYPTTAB_SOURCE=" + t.Node, "CRYPTTAB_KEY=" + t.Key.Argument,
		fmt.Sprintf("CRYPTTAB_TRIED=%d", tried), "_CRYPTTAB_NAME=" + t.Name, "_CRYPTTAB_SOURCE=" + t.Device.String(),
	}
	var words []string
	for _, w := range crypttab.Words(t.Written) {
		value, text := "yes", w.Name
		if w.Has {
			value, text = w.Value, w.Name+"="+w.Value
		}
		words = append(words, text)
		all = append(all, "CRYPTTAB_OPTION_"+strings.ReplaceAll(w.Name, "-", "_")+"="+value)
	}
	return append(all, "CRYPTTAB_OPTIONS="+strings.Join(words, ","))
}

func (s *scriptSource) run(ctx context.Context, tried int) (key open.Secret, err error) {
	path := s.target.Key.Path
	if !filepath.IsAbs(path) {
		path = filepath.Join(scriptFolder, path)
	}
	cmd := exec.CommandContext(ctx, path, s.target.Key.Argument)
	cmd.Env = append(os.Environ(), s.environment(tried)...)
	cmd.Stdin, cmd.Stderr = os.Stdin, os.Stderr
	r, w, err := os.Pipe()
	if err != nil {
		return open.Secret{}, err
	}
	defer r.Close()
	cmd.Stdout = w
	if err := errors.Join(cmd.Start(), w.Close()); err != nil {
		return open.Secret{}, err
	}
	printed, readErr := ui.ReadKey(ctx, r, ui.Request{KeyFile: path})
	if err := errors.Join(readErr, cmd.Wait()); err != nil {
		return open.Secret{}, errors.Join(err, printed.Close())
	}
	return open.Passphrase(printed), nil
}

// emptySource tries the empty passphrase, which some installers set for a first boot.
func emptySource() open.Source {
	return open.One{Label: "the empty passphrase", Get: func(context.Context) (open.Secret, error) {
		return open.Passphrase(nil), nil
	}}
}
