// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/uuid"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/fault"
)

func TestWhatIsLeftOutIsFilledIn(t *testing.T) {
	o, err := Options{}.Complete(context.Background(), 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	if o.Version != 2 || o.Cipher != "aes-xts-plain64" || o.KeySize != 64 || o.Hash != "sha256" || o.SectorSize != 4096 ||
		!uuid.Valid(o.UUID) || o.DigestIterations < digest.MinIterations {
		t.Errorf("%+v", o)
	}
	if _, err := o.Check(64 << 20); err != nil {
		t.Error(err)
	}
	other, err := Options{}.Complete(context.Background(), 64<<20)
	if err != nil || other.UUID == o.UUID {
		t.Errorf("two volumes of UUID %s, %v", o.UUID, err)
	}
}

func TestDefaultsFitTheRest(t *testing.T) {
	for _, c := range []struct {
		name      string
		o         Options
		size      int64
		key, unit int
	}{
		{"LUKS1", Options{Version: 1}, 64 << 20, 64, 512},
		{"a device of odd size", Options{}, 64<<20 + 512, 64, 512},
		{"data at an odd place", Options{DataOffset: 16<<20 + 512}, 64 << 20, 64, 512},
		{"a cipher with one key", Options{Cipher: "aes-cbc-essiv:sha256"}, 64 << 20, 32, 4096},
		{"what was said", Options{KeySize: 32, SectorSize: 1024}, 64 << 20, 32, 1024},
	} {
		c.o.DigestIterations = 1000
		o, err := c.o.Complete(context.Background(), c.size)
		if err != nil || o.KeySize != c.key || o.SectorSize != c.unit {
			t.Errorf("%s: key of %d, sectors of %d, %v", c.name, o.KeySize, o.SectorSize, err)
		}
	}
}

func TestCompleteRefusesWhatCannotBe(t *testing.T) {
	for name, o := range map[string]Options{
		"no UUID":              {UUID: "backup"},
		"UUID in capitals":     {UUID: "0A1B2C3D-0000-4000-8000-000000000000"},
		"negative key size":    {KeySize: -1},
		"negative sector size": {SectorSize: -512},
	} {
		if _, err := o.Complete(context.Background(), 64<<20); !errors.Is(err, fault.ErrGeometry) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
