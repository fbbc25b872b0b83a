// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"os"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors"
)

// object is a JSON object.
type object = vectors.Object

func in(meta object, path ...string) object { return vectors.In(meta, path...) }

func heads(image []byte) [2][]byte { return vectors.Heads(image) }

// reseal changes the metadata of both heads and makes the checksums right again.
func reseal(b *bed, name string, change func(meta map[string]any)) {
	b.t.Helper()
	image := b.read(name)
	resealImage(b.t, image, change)
	if err := os.WriteFile(b.path(name), image, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

func resealImage(t *testing.T, image []byte, change func(meta map[string]any)) {
	t.Helper()
	if err := vectors.Reseal(image, change); err != nil {
		t.Error(err)
	}
}
