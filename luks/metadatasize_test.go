// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// spacious is a volume whose data begins at 16 MiB, with keyslots of different sizes and holes.
func spacious(t *testing.T, keyslots int) (*memory, *luks.Volume) {
	t.Helper()
	dev := &memory{image: make([]byte, 17<<20)}
	o := options(2)
	o.Cipher, o.KeySize, o.KeyslotsSize, o.DataOffset = "aes-cbc-essiv:sha256", 16, 0, 16<<20
	v, err := luks.Format(ctx, dev, []byte("0"), o)
	if err != nil {
		t.Fatal(err)
	}
	key := unlock(t, v, "0")
	for id := 1; id < keyslots; id++ {
		if _, err := v.AddKey(ctx, key, []byte(fmt.Sprint(id)), cheap); err != nil {
			t.Fatal(err)
		}
	}
	return dev, v
}

func TestMetadataAreaGrowsWithItsKeyslots(t *testing.T) {
	for _, keyslots := range []int{1, 7, 32} {
		t.Run(fmt.Sprint(keyslots), func(t *testing.T) {
			dev, v := spacious(t, keyslots)
			data := slices.Clone(dev.image[16<<20:])
			for _, size := range []uint64{64 << 10, 1 << 20, 4 << 20} {
				if err := v.SetMetadataSize(ctx, luks.MetadataSize{Header: size}, nil); err != nil {
					t.Fatal(err)
				}
				if got := v.Choice.Copy.Header.Size; got != size || !v.Choice.Healthy() || v.Heads.Secondary.Offset != size {
					t.Errorf("heads of %d bytes, %v", got, v.Choice.Reason)
				}
				for id := range keyslots {
					key, err := v.Unlock(ctx, []byte(fmt.Sprint(id)), luks.UnlockOptions{Keyslot: luks.At(id)})
					if err != nil {
						t.Fatal(err)
					}
					key.Close()
				}
				if _, pending, err := v.Pending(); pending || err != nil {
					t.Errorf("a log is left: %v", err)
				}
			}
			if !slices.Equal(data, dev.image[16<<20:]) {
				t.Error("data were changed")
			}
		})
	}
}

func TestGrownMetadataAreaHolds32KeyslotsAnd32Tokens(t *testing.T) {
	_, v := spacious(t, 32)
	long := []byte(`{"type":"test","keyslots":["0"],"text":"` + string(slices.Repeat([]byte("x"), 3000)) + `"}`)
	if _, err := v.SetToken(ctx, 5, long); !errors.Is(err, luks2.ErrNoRoom) {
		t.Fatalf("a full JSON area: %v", err)
	}
	if err := v.SetMetadataSize(ctx, luks.MetadataSize{Header: 128 << 10}, nil); err != nil {
		t.Fatal(err)
	}
	for range luks2.MaxTokens {
		if _, err := v.SetToken(ctx, luks.AnyKeyslot, long); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(v.Metadata().Tokens()); n != 32 || len(v.Keyslots) != 32 {
		t.Errorf("%d tokens, %d keyslots", n, len(v.Keyslots))
	}
}

func TestMetadataSizesThatCannotBeAreRefusedWithoutAWrite(t *testing.T) {
	dev, v := spacious(t, 2)
	before := dev.writes
	for _, c := range []struct {
		size luks.MetadataSize
		kind error
	}{
		{luks.MetadataSize{Header: 48 << 10}, relocate.ErrSizes},
		{luks.MetadataSize{Header: 8 << 20}, relocate.ErrSizes},
		{luks.MetadataSize{Header: 8 << 10}, relocate.ErrSizes},
		{luks.MetadataSize{Header: 4 << 20, Keyslots: 16 << 20}, relocate.ErrSizes},
		{luks.MetadataSize{Header: 4 << 20, Keyslots: 4097}, relocate.ErrSizes},
		{luks.MetadataSize{Header: 64 << 10, Keyslots: 64 << 10}, luks2.ErrNoRoom},
	} {
		if err := v.SetMetadataSize(ctx, c.size, nil); !errors.Is(err, c.kind) {
			t.Errorf("%+v: %v", c.size, err)
		}
	}
	_, first := formatted(t, 1)
	if err := first.SetMetadataSize(ctx, luks.MetadataSize{Header: 64 << 10}, nil); !errors.Is(err, luks.ErrUnsupported) {
		t.Errorf("LUKS1: %v", err)
	}
	if dev.writes != before {
		t.Errorf("%d writes", dev.writes-before)
	}
}

func TestKeyslotsAreaAloneChangesItsSize(t *testing.T) {
	_, v := spacious(t, 3)
	for _, size := range []uint64{1 << 20, 12 << 20} {
		if err := v.SetMetadataSize(ctx, luks.MetadataSize{Header: 16 << 10, Keyslots: size}, nil); err != nil {
			t.Fatal(err)
		}
		if v.Metadata().KeyslotsSize() != size {
			t.Errorf("%d bytes", v.Metadata().KeyslotsSize())
		}
		unlock(t, v, "2")
	}
}

func TestNothingToResizeWritesNothing(t *testing.T) {
	dev, v := spacious(t, 1)
	before := dev.writes
	if err := v.SetMetadataSize(ctx, luks.MetadataSize{Header: 16 << 10}, nil); err != nil || dev.writes != before {
		t.Errorf("%d writes, %v", dev.writes-before, err)
	}
}

func TestLogsThatCannotBeUsedAreLeftAlone(t *testing.T) {
	for text, kind := range map[string]error{
		`{"type":"orthrus-resize","keyslots":[],"version":"2"}`: relocate.ErrLogVersion,
		`{"type":"orthrus-resize","keyslots":[],"version":"1"}`: relocate.ErrLog,
		`{"type":"orthrus-resize","keyslots":[],"version":"1","size":["1","2"],"left":["0000000000","0000000000"],"next":["0000000000","0000000000"]}`:                                       relocate.ErrLog,
		`{"type":"orthrus-resize","keyslots":["0"],"version":"1","size":["0000065536","0000065536"],"left":["0000000000","0000000000"],"next":["0000000000","0000000000"]}`:                  relocate.ErrLog,
		`{"type":"orthrus-resize","keyslots":[],"version":"1","size":["0000065536","0000065536"],"left":["0000000000","0000000000"],"next":["0000000000","0000000000"],"more":"0000000000"}`: relocate.ErrLog,
	} {
		dev, v := spacious(t, 1)
		if _, err := v.SetToken(ctx, 9, []byte(text)); err != nil {
			t.Fatal(err)
		}
		before := dev.writes
		var named *relocate.LogError
		if _, err := v.Resume(ctx, nil); !errors.As(err, &named) || !errors.Is(err, kind) || named.Token != 9 {
			t.Errorf("%s: %v", text, err)
		}
		if err := v.SetMetadataSize(ctx, luks.MetadataSize{Header: 64 << 10}, nil); !errors.Is(err, kind) {
			t.Errorf("%s: %v", text, err)
		}
		if dev.writes != before {
			t.Errorf("%s: %d writes", text, dev.writes-before)
		}
	}
}

func TestHostileLogsWipeNothingThatIsNotTheirs(t *testing.T) {
	far := `"4000000000"`
	for _, text := range []string{
		`{"type":"orthrus-resize","keyslots":[],"version":"1","size":["0000065536","0016646144"],"left":["0016777216","0000004096"],"next":["0000000000","0000004096"]}`,
		`{"type":"orthrus-resize","keyslots":[],"version":"1","size":["0000065536","0016646144"],"left":["0000032768","0000258048"],"next":["0000032768","0000258048"]}`,
		`{"type":"orthrus-resize","keyslots":[],"version":"1","size":[` + far + `,` + far + `],"left":[` + far + `,` + far + `],"next":[` + far + `,` + far + `]}`,
	} {
		dev, v := spacious(t, 2)
		for i := range dev.image[16<<20:] {
			dev.image[16<<20+i] = byte(i * 7)
		}
		data := slices.Clone(dev.image[16<<20:])
		if _, err := v.SetToken(ctx, 31, []byte(text)); err != nil {
			t.Fatal(err)
		}
		if _, err := v.Resume(ctx, nil); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if !slices.Equal(data, dev.image[16<<20:]) {
			t.Errorf("%s: data were changed", text)
		}
		unlock(t, v, "0")
		unlock(t, v, "1")
		if _, pending, err := v.Pending(); pending || err != nil {
			t.Errorf("%s: still pending, %v", text, err)
		}
	}
}

// farRefusing is a device that refuses to write where the data end and the far header lies.
type farRefusing struct {
	*elastic
	from int64 // bytes
}

func (d *farRefusing) WriteAt(p []byte, off int64) (int, error) {
	if off >= d.from {
		return 0, errBroken
	}
	return d.elastic.WriteAt(p, off)
}

// TestNothingToDoStillSaysWhyTheFarHeaderWasLeft heals a head before a resize that has nothing to do.
func TestNothingToDoStillSaysWhyTheFarHeaderWasLeft(t *testing.T) {
	dev, v := elasticVolume(t, 8*mib)
	same := luks.MetadataSize{Header: v.Choice.Copy.Header.Size, Keyslots: v.Metadata().KeyslotsSize()}
	clear(dev.image[:luks2.BinarySize])
	v = loaded(t, &farRefusing{dev, int64(v.Data.Offset)})
	if err := v.SetMetadataSize(ctx, same, nil); err != nil {
		t.Fatal(err)
	}
	if !v.Choice.Healthy() || !errors.Is(v.FarLag, commit.ErrFarLeft) {
		t.Errorf("heads %v, and the far header was left because of %v", v.Choice.Reason, v.FarLag)
	}
}
