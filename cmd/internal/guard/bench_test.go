// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"io"
	"os"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// BenchmarkFirstLook is what each volume costs at the start.
func BenchmarkFirstLook(b *testing.B) {
	dir := b.TempDir()
	image, _ := vectors.Open("luks2-serpent")
	path := filepath.Join(dir, "a.img")
	if err := os.WriteFile(path, image, 0o600); err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		g := New(Options{
			Log:    &Log{w: io.Discard, least: info, format: asText},
			Store:  store.Store{State: filepath.Join(b.TempDir(), "state"), Volatile: filepath.Join(dir, "run")},
			Config: policy.Default(),
		})
		if v := g.Look(b.Context(), path); v == nil || v.Verdict != "healthy" {
			b.Fatalf("%+v", v)
		}
	}
}
