// SPDX-License-Identifier: Apache-2.0

// share lets goroutines change one Volume at once and look at it meanwhile: share VERSION FILE.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"strconv"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

func main() {
	version, err := strconv.Atoi(os.Args[1])
	if err == nil {
		err = run(context.Background(), version, os.Args[2])
	}
	if err != nil {
		log.Fatal(err)
	}
}

// cheap is a keyslot that costs next to nothing, so that goroutines meet often.
var cheap = luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}}

const rounds = 8

func run(ctx context.Context, version int, path string) (err error) {
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	o := luks.FormatOptions{Version: version, Keyslot: cheap, DigestIterations: 1000}
	v, err := luks.Format(ctx, dev, []byte("first"), o)
	if err != nil {
		return err
	}
	key, err := v.Unlock(ctx, []byte("first"), luks.UnlockOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, key.Close()) }()
	all := []func() error{
		func() error { return comesAndGoes(ctx, v, key, "second") },
		func() error { return comesAndGoes(ctx, v, key, "third") },
		func() error { return changes(ctx, v, "first", "fourth") },
		func() error { return looks(ctx, v) },
		func() error { return looks(ctx, v) },
	}
	failed := make([]error, len(all))
	var done sync.WaitGroup
	for i, do := range all {
		done.Add(1)
		go func() {
			defer done.Done()
			failed[i] = do()
		}()
	}
	done.Wait()
	if err := errors.Join(failed...); err != nil {
		return err
	}
	return judge(ctx, dev, v)
}

// comesAndGoes adds a passphrase and takes it away again, and leaves it in the end.
func comesAndGoes(ctx context.Context, v *luks.Volume, key *luks.Key, passphrase string) error {
	given, err := secret.Copy(key.Bytes())
	if err != nil {
		return err
	}
	by, err := v.VerifyKey(ctx, given)
	if err != nil {
		return err
	}
	defer by.Close()
	for i := range rounds {
		id, err := v.AddKey(ctx, by, []byte(passphrase), cheap)
		if err != nil {
			return fmt.Errorf("adding %s: %w", passphrase, err)
		}
		if i == rounds-1 {
			return nil
		}
		if err := v.KillKeyslot(ctx, id, by); err != nil {
			return fmt.Errorf("taking %s away: %w", passphrase, err)
		}
	}
	return nil
}

// changes puts another passphrase in the place of one.
func changes(ctx context.Context, v *luks.Volume, from, to string) error {
	key, err := v.Unlock(ctx, []byte(from), luks.UnlockOptions{})
	if err != nil {
		return err
	}
	_, err = v.ChangeKey(ctx, key, []byte(to), cheap)
	return errors.Join(err, key.Close())
}

// looks asks for what can be known without a passphrase.
func looks(ctx context.Context, v *luks.Volume) error {
	for range 4 * rounds {
		now := v.Now()
		for _, k := range now.Keyslots {
			v.Last(k)
		}
		v.DamagedKeyslots()
		if _, err := v.Tokens(); err != nil {
			return err
		}
		if _, _, err := v.Pending(); err != nil {
			return err
		}
		if err := v.Reload(ctx); err != nil {
			return err
		}
		if _, err := v.Backup(ctx); err != nil {
			return err
		}
	}
	return nil
}

// judge loads what was written, and says which passphrases open it.
func judge(ctx context.Context, dev luks.Device, shared *luks.Volume) error {
	v, err := luks.Load(ctx, dev)
	if err != nil {
		return err
	}
	if len(v.Keyslots) != len(shared.Now().Keyslots) || v.Version == 2 && !v.Choice.Healthy() {
		return fmt.Errorf("%d keyslots, %d in memory, %v", len(v.Keyslots), len(shared.Now().Keyslots), v.Choice.Reason)
	}
	var opens []string
	for _, word := range []string{"first", "second", "third", "fourth"} {
		key, err := v.Unlock(ctx, []byte(word), luks.UnlockOptions{})
		if errors.Is(err, luks.ErrPassphrase) {
			continue
		}
		if err := errors.Join(err, key.Close()); err != nil {
			return err
		}
		opens = append(opens, word)
	}
	fmt.Printf("LUKS%d, %d keyslots, opens by %q, damaged %v\n", v.Version, len(v.Keyslots), opens, v.DamagedKeyslots())
	return nil
}
