// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// Tcrypt is what may be a volume of TrueCrypt or VeraCrypt.
type Tcrypt struct{ *open.Tcrypt }

// noTcrypt is what cryptsetup says of a wrong passphrase and of a device that is no volume.
const noTcrypt = "No device header detected with this passphrase."

// ReadTcrypt reads the headers that the options ask for.
func ReadTcrypt(c *verb.Command) (*Tcrypt, error) {
	path, err := volume.MetadataPath(c)
	if err != nil {
		return nil, verb.DeviceError(c.Args[0], err)
	}
	wanted := tcrypt.Wanted{Hidden: c.Opt.TcryptHidden, Backup: c.Opt.TcryptBackup, System: c.Opt.TcryptSystem}
	t, err := open.ReadTcrypt(path, wanted)
	if errors.Is(err, tcrypt.ErrNoPlace) {
		return nil, verb.Failure(ui.Failed, "Device %s: %s.", path, verb.OneLine(err))
	}
	return &Tcrypt{t}, verb.DeviceError(path, err)
}

// Unlock asks for the passphrase until it decrypts a header; shown is what prompts call the device. The caller closes
// the volume.
func (t *Tcrypt) Unlock(ctx context.Context, c *verb.Command, shown string) (v *tcrypt.Volume, err error) {
	trial, err := trialOf(c)
	if err != nil {
		return nil, err
	}
	prompt := open.Prompt{
		Tries: c.UI.Tries(int(c.Opt.Tries.V)), Wrong: func() { c.UI.Errorf("%s", noTcrypt) },
		Ask: func(ctx context.Context) (*secret.Buffer, error) {
			request := keys.Existing(c, keys.EnterFor(shown))
			request.KeyFile, request.Offset, request.Size = "", 0, 0
			if rawInput(c) {
				request.KeyFile = "-"
			}
			return c.UI.Secret(ctx, request)
		},
	}
	err = prompt.Secrets(ctx, func(ctx context.Context, s open.Secret) error {
		var err error
		v, err = t.try(ctx, c, s.Bytes(), trial)
		return errors.Join(err, s.Close())
	})
	if errors.Is(err, luks.ErrPassphrase) {
		return nil, &verb.Notice{Code: ui.Denied, Err: luks.ErrPassphrase}
	}
	return v, err
}

// rawInput: "-" among the key files stands for all of standard input as the passphrase.
func rawInput(c *verb.Command) bool {
	for _, name := range c.Opt.KeyFiles {
		if name == "-" {
			return true
		}
	}
	return false
}

// trialOf is what the options say of derivations and ciphers.
func trialOf(c *verb.Command) (tcrypt.Trial, error) {
	trial := tcrypt.Trial{
		Hash: c.Opt.Hash.V, Cipher: c.Opt.Cipher.V, TrueCryptOnly: c.Opt.DisableVeracrypt, PIM: c.Opt.VeracryptPIM.V,
		AnyCost: c.Opt.AllowHighCost,
	}
	if tcrypt.CheckPIM(trial.PIM) != nil {
		return trial, verb.Failure(ui.Failed, "Invalid PIM value: outside of range.")
	}
	return trial, nil
}

// try tries one passphrase. The error is luks.ErrPassphrase for the wrong one.
func (t *Tcrypt) try(ctx context.Context, c *verb.Command, passphrase []byte, trial tcrypt.Trial) (
	*tcrypt.Volume, error,
) {
	if c.Opt.VeracryptQueryPIM {
		var err error
		if trial.PIM, err = askPIM(ctx, c); err != nil {
			return nil, err
		}
	}
	password, err := password(c, passphrase, !trial.TrueCryptOnly)
	if err != nil {
		return nil, err
	}
	defer password.Close()
	v, err := tcrypt.Search(ctx, t.Headers, password.Bytes(), trial)
	var none *tcrypt.NoHeaderError
	var field *tcrypt.FieldError
	switch {
	case err == nil:
		c.UI.Debugf("%s opens by %v and %v", t.Path, v.Derivation, v.Chain)
	case errors.As(err, &none) && none.Tried == 0 && errors.Is(none, kdf.ErrCost):
		return nil, verb.Failure(ui.Failed,
			"With this PIM nothing was tried: it takes hours. Add --allow-high-cost to try it.")
	case errors.As(err, &none) && none.Chains == 0 && len(none.Lacking) > 0:
		return nil, verb.Failure(ui.Failed, "Nothing was tried: %v.", none.Lacking[0])
	case errors.As(err, &none):
		skipped(c, none)
		return nil, luks.ErrPassphrase
	case errors.As(err, &field):
		return nil, &verb.Notice{
			Text: fmt.Sprintf("The header of %s opens and cannot be used: %v.", t.Path, field),
			Code: ui.Failed, Err: err,
		}
	}
	return v, err
}

// skipped says what was not tried.
func skipped(c *verb.Command, none *tcrypt.NoHeaderError) {
	if memory := none.OutOfMemory(); memory != nil {
		c.UI.Errorf("Argon2id was not tried: %v.", memory)
	}
	if errors.Is(none, kdf.ErrCost) {
		c.UI.Errorf("With this PIM not everything was tried: it takes hours. Add --allow-high-cost to try it.")
	}
	for _, err := range none.Lacking {
		c.UI.Debugf("not tried: %v", err)
	}
}

// password mixes the key files and the passphrase.
func password(c *verb.Command, passphrase []byte, veraCrypt bool) (*secret.Buffer, error) {
	var files []io.Reader
	for _, name := range c.Opt.KeyFiles {
		if name == "-" {
			continue
		}
		f, err := os.Open(name)
		if err != nil {
			return nil, keyFileError(name, err)
		}
		defer f.Close()
		files = append(files, f)
	}
	p, err := tcrypt.Password(passphrase, files, veraCrypt)
	var long *tcrypt.LengthError
	var path *os.PathError
	switch {
	case errors.As(err, &long):
		c.UI.Errorf("Maximum TCRYPT passphrase length (%d) exceeded.", long.Max)
		return nil, luks.ErrPassphrase
	case errors.As(err, &path):
		return nil, &verb.Notice{
			Text: fmt.Sprintf("Error reading keyfile %s.", path.Path), Own: unreadable(path.Path, err), Code: ui.Failed,
			Err: err,
		}
	}
	return p, err
}

func keyFileError(name string, err error) error {
	return &verb.Notice{
		Text: "Failed to open key file.", Own: unreadable(name, err), Code: ui.Failed, Err: err,
	}
}

func unreadable(name string, err error) string {
	return fmt.Sprintf("Key file %s cannot be read: %s.", name, verb.OneLine(err))
}

// askPIM asks for the PIM, which is as secret as a passphrase.
func askPIM(ctx context.Context, c *verb.Command) (uint32, error) {
	request := keys.Existing(c, "Enter VeraCrypt PIM: ")
	request.KeyFile, request.Offset, request.Size = "", 0, 0
	typed, err := c.UI.Secret(ctx, request)
	if err != nil {
		return 0, err
	}
	defer typed.Close()
	pim, why := parsePIM(typed.Bytes())
	if why != "" {
		return 0, verb.Failure(ui.Failed, "Invalid PIM value: %s.", why)
	}
	return pim, nil
}

// parsePIM takes decimal digits; why is what is wrong with them.
func parsePIM(typed []byte) (pim uint32, why string) {
	n := uint64(0)
	for _, c := range typed {
		if c < '0' || c > '9' {
			return 0, "parse error"
		}
		n = min(n*10+uint64(c-'0'), 1<<32)
	}
	switch {
	case len(typed) == 0:
		return 0, "parse error"
	case n == 0:
		return 0, "0"
	case n >= 1<<32 || tcrypt.CheckPIM(uint32(n)) != nil:
		return 0, "outside of range"
	}
	return uint32(n), ""
}
