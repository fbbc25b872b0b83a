// SPDX-License-Identifier: Apache-2.0

package open_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// From a device and several ways to its key to the volume key. What would follow is Claim and, with the
// device-mapper, Map.
func Example() {
	ctx := context.Background()
	image, err := os.CreateTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(image.Name())
	if err := errors.Join(image.Truncate(20<<20), image.Close()); err != nil {
		log.Fatal(err)
	}
	dev, err := luks.OpenDevice(image.Name(), luks.DeviceOptions{Write: true})
	if err != nil {
		log.Fatal(err)
	}
	_, err = luks.Format(ctx, dev, []byte("correct horse"), luks.FormatOptions{
		Keyslot: luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}},
	})
	if err := errors.Join(err, dev.Close()); err != nil {
		log.Fatal(err)
	}

	volume, err := luks.Inspect(ctx, luks.Request{Header: image.Name()})
	if err != nil {
		log.Fatal(err)
	}
	defer volume.Close()
	if _, err := volume.Heal(ctx); err != nil {
		log.Print(err) // it opens by the good copy
	}
	answers := []string{"wrong horse", "correct horse"}
	person := open.Prompt{Label: "a person", Tries: 3, Ask: func(context.Context) (*secret.Buffer, error) {
		next := []byte(answers[0])
		answers = answers[1:]
		return secret.From(next)
	}}
	sources := append(open.Tokens(volume.Volume, token.Help{}), open.Entry{Source: person})
	win, err := open.Unlock(ctx, volume.Volume, sources, luks.UnlockOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer win.Key.Close()
	fmt.Printf("keyslot %d opens with what came from %s\n", win.Key.Keyslot, win.By)
	// Output: keyslot 0 opens with what came from a person
}
