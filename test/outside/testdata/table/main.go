// SPDX-License-Identifier: Apache-2.0

// table prints the line that dmsetup would show of a volume that is mapped from device 8:16, with its key in the kernel's
// keyring: table FILE PASSPHRASE.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

func main() {
	if err := run(context.Background(), os.Args[1], []byte(os.Args[2])); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, path string, passphrase []byte) error {
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{})
	if err != nil {
		return err
	}
	defer dev.Close()
	volume, err := luks.Load(ctx, dev)
	if err != nil {
		return err
	}
	key, err := volume.Unlock(ctx, passphrase, luks.UnlockOptions{})
	if err != nil {
		return err
	}
	defer key.Close()
	mapping, err := volume.Mapping("vault", activate.Data{
		Device: dm.Number{Major: 8, Minor: 16}, Size: uint64(dev.Size()),
	})
	if err != nil {
		return err
	}
	mapping.Key = key.Buffer
	mapping.KeyDescription = activate.LogonDescription(volume.UUID, volume.Data.DigestID)
	line, err := mapping.Target(true)
	if err != nil {
		return err
	}
	defer line.Close()
	params, err := line.Params()
	if err != nil {
		return err
	}
	defer params.Close()
	start, length := line.Span()
	fmt.Println(start, length, "crypt", string(params.Bytes()))
	return nil
}
