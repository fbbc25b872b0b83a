// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// givenKey reads and verifies the volume key of --volume-key-file or --volume-key-keyring.
func (c *command) givenKey(ctx context.Context, v *volume) (*luks.Key, error) {
	key, err := c.readVolumeKey(ctx, v)
	if err != nil {
		return nil, err
	}
	return v.VerifyKey(ctx, key)
}

func (c *command) readVolumeKey(ctx context.Context, v *volume) (*secret.Buffer, error) {
	if len(c.o.VolumeKeyFiles) == 0 {
		return keyOfKeyring(c.o.VolumeKeyKeyrings[0])
	}
	size := v.Data.KeySize
	if len(c.o.KeySizes) > 0 {
		size = int(c.o.KeySizes[0] / 8)
	}
	if size == 0 {
		return nil, failure(ui.Failed, "Cannot determine volume key size for LUKS without keyslots, please use --key-size option.")
	}
	return c.readKeyFile(ctx, c.o.VolumeKeyFiles[0], size)
}

func (c *command) readKeyFile(ctx context.Context, path string, size int) (*secret.Buffer, error) {
	key, err := c.ui.Secret(ctx, ui.Request{KeyFile: path, Size: uint64(size)})
	if errors.Is(err, ui.ErrShortKeyFile) || errors.Is(err, ui.ErrNothingToRead) {
		return nil, failure(ui.Failed, "Cannot read %d bytes from keyfile %s.", size, path)
	}
	return key, err
}

// keyOfKeyring reads the key that text names: a number, "%type:description", or the description of
// a key of type user.
func keyOfKeyring(text string) (*secret.Buffer, error) {
	kind, description := keyring.TypeUser, text
	if rest, typed := strings.CutPrefix(text, "%"); typed {
		var found bool
		if kind, description, found = strings.Cut(rest, ":"); !found {
			return nil, failure(ui.Failed, "Keyring key %s is not of the form %%type:description.", text)
		}
	}
	if kind == keyring.TypeLogon {
		return nil, failure(ui.Failed, "Keyring key %s is of type logon, which cannot be read and so not be verified; use type user.", text)
	}
	var key *secret.Buffer
	err := onOneThread(func() error {
		id, err := keyNamed(kind, description)
		if err != nil {
			return err
		}
		key, err = keyring.Read(id)
		return err
	})
	if err != nil {
		return nil, &notice{text: "Failed to read volume key " + text + " from keyring: " + reason(err) + ".", code: ui.Failed, err: err}
	}
	return key, nil
}

// keyNamed finds a key by its number or by its type and description.
func keyNamed(kind, description string) (keyring.ID, error) {
	if id, err := strconv.ParseInt(description, 10, 32); err == nil && kind == keyring.TypeUser {
		return keyring.ID(id), nil
	}
	return keyring.Request(kind, description)
}

// onOneThread runs do on one thread, since thread keyrings differ.
func onOneThread(do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return do()
}
