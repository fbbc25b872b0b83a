// SPDX-License-Identifier: Apache-2.0

package verity_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/orthrus-luks/orthrus/dm/verity"
)

// Hash an image, and read it with every block verified.
func Example() {
	ctx := context.Background()
	data := &memory{bytes: bytes.Repeat([]byte("orthrus "), 1024)}
	im := &verity.Image{
		Params: verity.Params{
			Format: 1, Algorithm: "sha256", DataBlockSize: 4096, HashBlockSize: 4096, DataBlocks: 2, Salt: []byte("pepper"),
		},
		Data: data,
	}
	tree, err := im.Tree()
	if err != nil {
		log.Fatal(err)
	}
	hash := &memory{bytes: make([]byte, 4096*tree.Blocks)} // a file, usually
	im.Hash = hash
	root, err := im.Build(ctx, hash)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%x\n", root[:8])

	data.bytes[5000] ^= 1
	reader, err := verity.NewReader(im, root)
	if err != nil {
		log.Fatal(err)
	}
	good, err := io.ReadAll(io.NewSectionReader(reader, 0, reader.Size()))
	var bad *verity.BlockError
	fmt.Println(len(good), "bytes, then block", errors.As(err, &bad), bad.Block)
	// Output:
	// 8fa9f93f4b368c56
	// 4096 bytes, then block true 1
}

// Repair an image into another file.
func ExampleImage_Repair() {
	ctx := context.Background()
	sound := bytes.Repeat([]byte("orthrus "), 1024)
	data := &memory{bytes: bytes.Clone(sound)}
	hash := &memory{bytes: make([]byte, 4096)}
	parity := &memory{bytes: make([]byte, 8192)}
	im := &verity.Image{
		Params: verity.Params{Format: 1, Algorithm: "sha256", DataBlockSize: 4096, HashBlockSize: 4096, DataBlocks: 2},
		Data:   data, Hash: hash,
		FEC: &verity.FEC{Device: parity, Roots: 2, Limit: 4096},
	}
	root, err := im.Build(ctx, hash)
	if err != nil {
		log.Fatal(err)
	}
	if err := im.EncodeFEC(ctx, parity); err != nil {
		log.Fatal(err)
	}

	clear(data.bytes[:4096])
	repaired := &memory{bytes: make([]byte, 8192)}
	repair, err := im.Repair(ctx, root, verity.Output{Data: repaired})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(repair.Good(), repair.Found.Data.Len(), bytes.Equal(repaired.bytes, sound))
	// Output: true 1 true
}
