// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// givenKey reads and verifies the volume key of --volume-key-file or --volume-key-keyring.
func givenKey(ctx context.Context, c *verb.Command, v *volume.Volume) (*luks.Key, error) {
	key, err := readVolumeKey(ctx, c, v)
	if err != nil {
		return nil, err
	}
	return v.VerifyKey(ctx, key)
}

func readVolumeKey(ctx context.Context, c *verb.Command, v *volume.Volume) (*secret.Buffer, error) {
	if len(c.Opt.VolumeKeyFiles) == 0 {
		return keyOfKeyring(c.Opt.VolumeKeyKeyrings[0])
	}
	size := v.Data.KeySize
	if len(c.Opt.KeySizes) > 0 {
		size = int(c.Opt.KeySizes[0] / 8)
	}
	if size == 0 {
		return nil, verb.Failure(ui.Failed, "Cannot determine volume key size for LUKS without keyslots, please "+
			"use --key-size option.")
	}
	return ReadKeyFile(ctx, c, c.Opt.VolumeKeyFiles[0], size)
}

// ReadKeyFile reads a key of size bytes.
func ReadKeyFile(ctx context.Context, c *verb.Command, path string, size int) (*secret.Buffer, error) {
	key, err := c.UI.Secret(ctx, ui.Request{KeyFile: path, Size: uint64(size)})
	if errors.Is(err, ui.ErrShortKeyFile) || errors.Is(err, ui.ErrNothingToRead) {
		return nil, verb.Failure(ui.Failed, "Cannot read %d bytes from keyfile %s.", size, path)
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
			return nil, verb.Failure(ui.Failed, "Keyring key %s is not of the form %%type:description.", text)
		}
	}
	if kind == keyring.TypeLogon {
		return nil, verb.Failure(ui.Failed, "Keyring key %s is of type logon, which cannot be read and so not be "+
			"verified; use type user.", text)
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
		return nil, &verb.Notice{Text: "Failed to read volume key " + text + " from keyring: " + verb.Reason(err) +
			".", Code: ui.Failed, Err: err}
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
