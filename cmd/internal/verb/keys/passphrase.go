// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// KeyFile is the --key-file that was given, or empty.
func KeyFile(c *verb.Command) string {
	if len(c.Opt.KeyFiles) > 0 {
		return c.Opt.KeyFiles[0]
	}
	return ""
}

func timeout(c *verb.Command) time.Duration { return time.Duration(c.Opt.Timeout.V) * time.Second }

// ShownAs is how prompts name a device: by the file behind a loop device.
func ShownAs(path string) string {
	if file, err := block.LoopBacking(path); err == nil && file != "" {
		return file
	}
	return path
}

// EnterFor is the prompt for the passphrase of a device.
func EnterFor(path string) string { return fmt.Sprintf("Enter passphrase for %s: ", ShownAs(path)) }

// Existing asks for a passphrase that opens the volume, from --key-file where one is given.
func Existing(c *verb.Command, prompt string) ui.Request {
	return ui.Request{
		Prompt: prompt, Verify: c.UI.Verify(c.Opt.VerifyPassphrase, false), Timeout: timeout(c),
		KeyFile: KeyFile(c), Offset: c.Opt.KeyfileOffset.V, Size: uint64(c.Opt.KeyfileSize.V),
	}
}

// given is the passphrase from wherever the options say: the keyring, a key file, a person, a pipe.
func given(ctx context.Context, c *verb.Command, prompt string) (*secret.Buffer, error) {
	if c.Opt.KeyDescription.Set && KeyFile(c) == "" {
		return PassphraseOfKeyring(c.Opt.KeyDescription.V)
	}
	return c.UI.Secret(ctx, Existing(c, prompt))
}

// NewPassphrase asks for a passphrase that is to be set, unless an option or the second argument
// says where it is.
func NewPassphrase(ctx context.Context, c *verb.Command, prompt string) (*secret.Buffer, error) {
	if c.Opt.NewKeyDescription.Set {
		return PassphraseOfKeyring(c.Opt.NewKeyDescription.V)
	}
	file := ""
	if len(c.Args) > 1 {
		file = c.Args[1]
	}
	if c.Opt.NewKeyfile.Set {
		file = c.Opt.NewKeyfile.V
	}
	return c.UI.Secret(ctx, ui.Request{
		Prompt: prompt, Verify: c.UI.Verify(c.Opt.VerifyPassphrase, true), Timeout: timeout(c),
		KeyFile: file, Offset: c.Opt.NewKeyfileOffset.V, Size: uint64(c.Opt.NewKeyfileSize.V),
	})
}

// PassphraseOfKeyring reads the passphrase that a kernel key of this description holds.
func PassphraseOfKeyring(description string) (*secret.Buffer, error) {
	passphrase, err := keyring.Passphrase(description)
	if err != nil {
		return nil, &verb.Notice{
			Text: "Failed to read passphrase from keyring: " + verb.Reason(err) + ".",
			Code: ui.Failed, Err: err,
		}
	}
	return passphrase, nil
}

// AnyOrSlot is the keyslot that --key-slot names, or any.
func AnyOrSlot(c *verb.Command) int { return c.Opt.KeySlot.Or(luks.AnyKeyslot) }
