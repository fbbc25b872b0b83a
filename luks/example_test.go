// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"archive/tar"
	"bytes"
	"context"
	"fmt"
	"io"
	"log"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// A new volume in memory; an image file opened with OpenDevice works the same way.
func ExampleFormat() {
	dev := &memory{image: make([]byte, 20<<20)}
	v, err := luks.Format(context.Background(), dev, []byte("correct horse"), luks.FormatOptions{
		Version: 2, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 4096,
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
	dev := exampleVolume()
	v, err := luks.Load(ctx, dev)
	if err != nil {
		log.Fatal(err)
	}
	key, err := v.Unlock(ctx, []byte("correct horse"), luks.UnlockOptions{})
	if err != nil {
		log.Fatal(err)
	}
	defer key.Close()
	slot, err := v.AddKey(ctx, key, []byte("second key"), luks.NewKeyslot{
		KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha512", Iterations: 1000},
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("keyslot", slot, "of", len(v.Keyslots))
	// Output: keyslot 1 of 2
}

// A file out of an encrypted image without root: the image holds a tar archive.
func ExampleVolume_Plaintext() {
	ctx := context.Background()
	dev := exampleVolume()
	v, err := luks.Load(ctx, dev)
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
	archive := tar.NewReader(io.NewSectionReader(data, 0, data.Size()))
	file, err := archive.Next()
	if err != nil {
		log.Fatal(err)
	}
	content, err := io.ReadAll(archive)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s: %s\n", file.Name, content)
	// Output: letter.txt: two heads are better than one
}

// exampleVolume is an encrypted image with a tar archive inside.
func exampleVolume() *memory {
	ctx := context.Background()
	dev := &memory{image: make([]byte, 6<<20)}
	v, err := luks.Format(ctx, dev, []byte("correct horse"), options(2))
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
	if _, err := w.Write(letter); err != nil {
		log.Fatal(err)
	}
	if err := w.Close(); err != nil {
		log.Fatal(err)
	}
	if _, err := data.WriteAt(archive.Bytes(), 0); err != nil {
		log.Fatal(err)
	}
	return dev
}
