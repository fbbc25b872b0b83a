// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// keyFile is the --key-file that was given, or empty.
func (c *command) keyFile() string {
	if len(c.o.KeyFiles) > 0 {
		return c.o.KeyFiles[0]
	}
	return ""
}

func (c *command) timeout() time.Duration { return time.Duration(c.o.Timeout.V) * time.Second }

// shownAs is how prompts name a device: by the file behind a loop device.
func shownAs(path string) string {
	if file, err := block.LoopBacking(path); err == nil && file != "" {
		return file
	}
	return path
}

func enterFor(path string) string { return fmt.Sprintf("Enter passphrase for %s: ", shownAs(path)) }

// existing asks for a passphrase that opens the volume, from --key-file where one is given.
func (c *command) existing(prompt string) ui.Request {
	return ui.Request{
		Prompt: prompt, Verify: c.ui.Verify(c.o.VerifyPassphrase, false), Timeout: c.timeout(),
		KeyFile: c.keyFile(), Offset: c.o.KeyfileOffset.V, Size: uint64(c.o.KeyfileSize.V),
	}
}

// given is the passphrase from wherever the options say: the keyring, a key file, a person, a pipe.
func (c *command) given(ctx context.Context, prompt string) (*secret.Buffer, error) {
	if c.o.KeyDescription.Set {
		return passphraseOfKeyring(c.o.KeyDescription.V)
	}
	return c.ui.Secret(ctx, c.existing(prompt))
}

// newPassphrase asks for a passphrase that is to be set, unless an option or the second argument
// says where it is.
func (c *command) newPassphrase(ctx context.Context, prompt string) (*secret.Buffer, error) {
	if c.o.NewKeyDescription.Set {
		return passphraseOfKeyring(c.o.NewKeyDescription.V)
	}
	file := ""
	if len(c.Args) > 1 {
		file = c.Args[1]
	}
	if c.o.NewKeyfile.Set {
		file = c.o.NewKeyfile.V
	}
	return c.ui.Secret(ctx, ui.Request{
		Prompt: prompt, Verify: c.ui.Verify(c.o.VerifyPassphrase, true), Timeout: c.timeout(),
		KeyFile: file, Offset: c.o.NewKeyfileOffset.V, Size: uint64(c.o.NewKeyfileSize.V),
	})
}

func passphraseOfKeyring(description string) (*secret.Buffer, error) {
	passphrase, err := keyring.Passphrase(description)
	if err != nil {
		return nil, &notice{text: "Failed to read passphrase from keyring: " + reason(err) + ".", code: ui.Failed, err: err}
	}
	return passphrase, nil
}

// anyOrSlot is the keyslot that --key-slot names, or any.
func (c *command) anyOrSlot() int { return c.o.KeySlot.Or(luks.AnyKeyslot) }
