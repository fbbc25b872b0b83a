// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// A new volume in an image file; a block device is opened the same way. FormatOptions{} would do: what is said here is
// what this prints, and a key derivation that takes no time.
func ExampleFormat() {
	image, err := os.CreateTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(image.Name())
	if err := errors.Join(image.Truncate(20<<20), image.Close()); err != nil {
		log.Fatal(err)
	}
	dev, err := luks.OpenDevice(image.Name(), luks.DeviceOptions{Write: true, NoLocks: true})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Format(context.Background(), dev, []byte("correct horse"), luks.FormatOptions{
		UUID: "0a1b2c3d-0000-4000-8000-000000000000", Label: "backup",
		Keyslot: luks.NewKeyslot{KDF: kdf.Params{Type: kdf.Argon2id, Time: 4, Memory: 64, CPUs: 1}},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(v.UUID, v.Label, v.Data.Cipher, v.Data.Offset, len(v.Keyslots))
	// Output: 0a1b2c3d-0000-4000-8000-000000000000 backup aes-xts-plain64 16777216 1
}

// From a device to a mapping and back. It takes root, and so it is compiled here and run in a virtual machine
// (test/vm/open_test.go).
func ExampleOpen() {
	passphrase := []byte("correct horse")
	home, err := luks.Open(context.Background(), "/dev/sdb2", passphrase, luks.OpenOptions{Name: "home"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(home.Path, home.Size, "bytes, by keyslot", home.Keyslot)
	// Mount it, use it, unmount it.
	if err := home.Close(); err != nil {
		log.Fatal(err)
	}
}

// A second passphrase needs the volume key, which the first one gives.
func ExampleVolume_AddKey() {
	ctx := context.Background()
	image, err := os.CreateTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(image.Name())
	if err := errors.Join(image.Truncate(20<<20), image.Close()); err != nil {
		log.Fatal(err)
	}
	dev, err := luks.OpenDevice(image.Name(), luks.DeviceOptions{Write: true, NoLocks: true})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	quick := luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha512", Iterations: 1000}}
	v, err := luks.Format(ctx, dev, []byte("correct horse"), luks.FormatOptions{Keyslot: quick})
	if err != nil {
		log.Fatal(err)
	}

	key, err := v.Unlock(ctx, []byte("correct horse"), luks.UnlockOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer key.Close()
	slot, err := v.AddKey(ctx, key, []byte("second key"), quick)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("keyslot", slot, "of", len(v.Keyslots))
	// Output: keyslot 1 of 2
}

// A tar archive into an encrypted image and out of it, without root.
func ExampleVolume_Plaintext() {
	ctx := context.Background()
	image, err := os.CreateTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.Remove(image.Name())
	if err := errors.Join(image.Truncate(20<<20), image.Close()); err != nil {
		log.Fatal(err)
	}
	dev, err := luks.OpenDevice(image.Name(), luks.DeviceOptions{Write: true, NoLocks: true})
	if err != nil {
		log.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Format(ctx, dev, []byte("correct horse"), luks.FormatOptions{
		Keyslot: luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha512", Iterations: 1000}},
	})
	if err != nil {
		log.Fatal(err)
	}
	key, err := v.Unlock(ctx, []byte("correct horse"), luks.UnlockOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer key.Close()
	data, err := v.Plaintext(dev, key)
	if err != nil {
		log.Fatal(err)
	}
	defer data.Close()

	var archive bytes.Buffer
	w := tar.NewWriter(&archive)
	letter := []byte("two heads are better than one")
	if err := w.WriteHeader(&tar.Header{Name: "letter.txt", Mode: 0o600, Size: int64(len(letter))}); err != nil {
		log.Fatal(err)
	}
	_, err = w.Write(letter)
	if err := errors.Join(err, w.Close()); err != nil {
		log.Fatal(err)
	}
	if _, err := data.WriteAt(archive.Bytes(), 0); err != nil {
		log.Fatal(err)
	}

	r := tar.NewReader(io.NewSectionReader(data, 0, data.Size()))
	file, err := r.Next()
	if err != nil {
		log.Fatal(err)
	}
	content, err := io.ReadAll(r)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", file.Name, content)
	// Output: letter.txt: two heads are better than one
}
