// SPDX-License-Identifier: Apache-2.0

// add formats an image with what the zero values say, adds a second passphrase, and writes and reads a range of the
// data by it: add FILE.
package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/orthrus-luks/orthrus/luks"
)

func main() {
	if err := run(context.Background(), os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path string) (err error) {
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, dev.Close()) }()
	if _, err := luks.Format(ctx, dev, []byte("first"), luks.FormatOptions{}); err != nil {
		return err
	}
	if err := addSecond(ctx, dev); err != nil {
		return err
	}
	volume, err := luks.Load(ctx, dev)
	if err != nil {
		return err
	}
	key, err := volume.Unlock(ctx, []byte("second"), luks.UnlockOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, key.Close()) }()
	data, err := volume.Plaintext(dev, key)
	if err != nil {
		return err
	}
	defer data.Close()
	if _, err := data.WriteAt([]byte("two heads are better than one"), 1<<20); err != nil {
		return err
	}
	read := make([]byte, 9)
	if _, err := data.ReadAt(read, 1<<20); err != nil {
		return err
	}
	fmt.Printf("LUKS%d, %s, %d keyslots, sectors of %d, keyslot %d reads %q\n", volume.Version, volume.Data.Cipher,
		len(volume.Keyslots), volume.Data.SectorSize, key.Keyslot, read)
	return nil
}

func addSecond(ctx context.Context, dev luks.Device) (err error) {
	volume, err := luks.Load(ctx, dev)
	if err != nil {
		return err
	}
	key, err := volume.Unlock(ctx, []byte("first"), luks.UnlockOptions{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, key.Close()) }()
	_, err = volume.AddKey(ctx, key, []byte("second"), luks.NewKeyslot{})
	return err
}
