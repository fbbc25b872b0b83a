// SPDX-License-Identifier: Apache-2.0

package plaintext_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/plaintext"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/luks/view"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// memory is a device in memory. From byte bad on it can be neither read nor written, where that is not 0.
type memory struct {
	image []byte
	bad   int64
	calls int
}

var errBad = errors.New("a bad sector")

func (m *memory) Size() int64 { return int64(len(m.image)) }
func (m *memory) Sync() error { return nil }

func (m *memory) ReadAt(p []byte, off int64) (int, error) {
	m.calls++
	if m.bad > 0 && off+int64(len(p)) > m.bad {
		return 0, errBad
	}
	return bytes.NewReader(m.image).ReadAt(p, off)
}

func (m *memory) WriteAt(p []byte, off int64) (int, error) {
	m.calls++
	if m.bad > 0 && off+int64(len(p)) > m.bad {
		return 0, errBad
	}
	return copy(m.image[off:], p), nil
}

var key = bytes.Repeat([]byte{7, 11, 13, 17}, 8)

// aes is a view of data of that length at that offset, 0 being up to the device's end.
func aes(offset, length uint64, sectorSize int) view.View {
	return view.View{Version: 1, Data: view.Data{
		Offset: offset, Size: length, Dynamic: length == 0, Type: "crypt", Cipher: "aes-xts-plain64",
		SectorSize: sectorSize,
		KeySize:    len(key), IVTweak: 5,
	}}
}

func TestRecordedDataAreWhatWasPutIn(t *testing.T) {
	for _, m := range vectors.All() {
		t.Run(m.Name, func(t *testing.T) {
			image, _ := vectors.Open(m.Name)
			dev := &memory{image: image}
			v, err := view.Read(dev)
			if err != nil {
				t.Fatal(err)
			}
			p, err := plaintext.Open(dev, v, m.VolumeKey)
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			if p.Size() != m.Size-m.DataOffset {
				t.Fatalf("%d bytes", p.Size())
			}
			got, want := make([]byte, p.Size()), []byte(nil)
			if n, err := p.ReadAt(got, 0); err != nil || int64(n) != p.Size() {
				t.Fatalf("%d bytes, %v", n, err)
			}
			for i := range uint64(p.Size() / 512) {
				want = append(want, vectors.PlainSector(i)...)
			}
			if !bytes.Equal(got, want) {
				t.Error("they differ")
			}
		})
	}
}

func TestTheDataEndWhereTheDeviceOrTheSegmentDoes(t *testing.T) {
	tests := []struct {
		name           string
		device         int
		offset, length uint64
		sector         int
		want           int64 // -1 where it is refused
	}{
		{"to the end", 10240, 4096, 0, 512, 6144},
		{"to the end, whole sectors", 10240, 4096, 0, 4096, 4096},
		{"to the end, a byte more", 10241, 4096, 0, 512, 6144},
		{"to the end, a byte less", 10239, 4096, 0, 512, 5632},
		{"fixed", 10240, 4096, 1024, 512, 1024},
		{"fixed, all there is", 10240, 4096, 6144, 512, 6144},
		{"fixed, a sector too long", 10240, 4096, 6656, 512, -1},
		{"fixed, longer than all", 10240, 4096, 1<<64 - 512, 512, -1},
		{"detached", 4096, 0, 0, 512, 4096},
		{"no room", 4096, 4096, 0, 512, 0},
		{"no room for a sector", 8191, 4096, 0, 4096, 0},
		{"the device ends before", 4095, 4096, 0, 512, -1},
		{"the data begin at the last number", 4096, 1<<64 - 512, 0, 512, -1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dev := &memory{image: make([]byte, test.device)}
			p, err := plaintext.Open(dev, aes(test.offset, test.length, test.sector), key)
			if test.want < 0 {
				var geometry *fault.GeometryError
				if !errors.As(err, &geometry) || geometry.What != "device" || p != nil {
					t.Errorf("%v", err)
				}
				return
			}
			if err != nil || p.Size() != test.want {
				t.Fatalf("%+v, %v", p, err)
			}
			p.Close()
			if _, err := p.ReadAt(make([]byte, 512), 0); test.want > 0 && !errors.Is(err, sector.ErrClosed) {
				t.Errorf("closed: %v", err)
			}
		})
	}
}

func TestWhatIsNoPlainEncryptionIsRefused(t *testing.T) {
	with := func(change func(v *view.View)) view.View {
		v := aes(0, 0, 512)
		change(&v)
		return v
	}
	required := luks2.NewMetadata(luks2.MinSize, 4096)
	text := bytes.Replace(required.Text(), []byte(`"config":{`),
		[]byte(`"config":{"requirements":{"mandatory":["x"]},`), 1)
	if !json.Valid(text) {
		t.Fatalf("%s", text)
	}
	required, err := luks2.ParseMetadata(text)
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name string
		v    view.View
		key  []byte
		want error
	}{
		{"another type", with(func(v *view.View) { v.Data.Type = "linear" }), key, fault.ErrUnsupported},
		{
			"with integrity", with(func(v *view.View) { v.Data.Integrity = &luks2.Integrity{} }), key,
			fault.ErrUnsupported,
		},
		{"no segment", view.View{}, key, fault.ErrUnsupported},
		{"with a requirement", with(func(v *view.View) {
			v.Version, v.Choice.Copy.Metadata = 2, required
		}), key, luks2.ErrRequirements},
		{"a cipher that is none", with(func(v *view.View) { v.Data.Cipher = "" }), key, sector.ErrSpec},
		{"a key that is too short", with(func(*view.View) {}), key[1:], sector.ErrKeySize},
		{"an odd sector size", with(func(v *view.View) { v.Data.SectorSize = 1536 }), key, sector.ErrSectorSize},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			dev := &memory{image: make([]byte, 1<<20)}
			if p, err := plaintext.Open(dev, test.v, test.key); !errors.Is(err, test.want) || p != nil ||
				dev.calls != 0 {
				t.Errorf("%v, %d calls", err, dev.calls)
			}
		})
	}
}

// A model of plain bytes is written to and read from along with the volume; the bytes around the data stay.
func TestDataBehaveAsABlockOfBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		unit := rapid.SampledFrom([]int{512, 1024, 4096}).Draw(t, "sector")
		offset := uint64(rapid.SampledFrom([]int{0, 512, 4096}).Draw(t, "offset"))
		size := unit * rapid.IntRange(1, 6).Draw(t, "sectors")
		dev := &memory{image: bytes.Repeat([]byte{0xa5}, int(offset)+size+777)}
		p, err := plaintext.Open(dev, aes(offset, uint64(size), unit), key)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		model := make([]byte, size)
		if _, err := p.ReadAt(model, 0); err != nil {
			t.Fatal(err)
		}
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			a, b := beside(t, size, unit), beside(t, size, unit)
			at, piece := min(a, b), make([]byte, max(a, b)-min(a, b))
			seed := rapid.Byte().Draw(t, "piece")
			for i := range piece {
				piece[i] = seed + byte(i+i/256)
			}
			if rapid.Bool().Draw(t, "write") {
				writeBoth(t, p, model, piece, at)
			}
			readBoth(t, p, model, len(piece), at)
		}
		edge := bytes.Repeat([]byte{0xa5}, 777)
		if !bytes.Equal(dev.image[:offset], bytes.Repeat([]byte{0xa5}, int(offset))) ||
			!bytes.Equal(dev.image[int(offset)+size:], edge) {
			t.Fatal("something beside the data was written")
		}
		encrypted(t, dev.image[offset:int(offset)+size], model, unit)
	})
}

// beside draws a place at or beside the edge of a sector, the end of the last one among them.
func beside(t *rapid.T, size, unit int) int {
	return rapid.IntRange(0, size/unit).Draw(t, "sector")*unit + rapid.IntRange(-2, 2).Draw(t, "beside")
}

func writeBoth(t *rapid.T, p *plaintext.Plaintext, model, piece []byte, at int) {
	n, err := p.WriteAt(piece, int64(at))
	if at < 0 {
		if n != 0 || !errors.Is(err, plaintext.ErrNegative) {
			t.Fatalf("%d bytes at %d: %d, %v", len(piece), at, n, err)
		}
		return
	}
	if len(piece) > 0 && at+len(piece) > len(model) {
		if n != 0 || !errors.Is(err, io.ErrShortWrite) {
			t.Fatalf("%d bytes at %d of %d: %d, %v", len(piece), at, len(model), n, err)
		}
		return
	}
	if n != len(piece) || err != nil {
		t.Fatalf("%d bytes at %d: %d, %v", len(piece), at, n, err)
	}
	if n > 0 {
		copy(model[at:], piece)
	}
}

func readBoth(t *rapid.T, p *plaintext.Plaintext, model []byte, length, at int) {
	got := make([]byte, length)
	n, err := p.ReadAt(got, int64(at))
	if at < 0 {
		if n != 0 || !errors.Is(err, plaintext.ErrNegative) {
			t.Fatalf("%d bytes at %d: %d, %v", length, at, n, err)
		}
		return
	}
	if at >= len(model) {
		if n != 0 || err != io.EOF {
			t.Fatalf("%d bytes at %d: %d, %v", length, at, n, err)
		}
		return
	}
	want := model[at:min(at+length, len(model))]
	if !bytes.Equal(got[:n], want) || (err == io.EOF) != (at+length > len(model)) || err != nil && err != io.EOF {
		t.Fatalf("%d bytes at %d of %d: %d, %v", length, at, len(model), n, err)
	}
}

// encrypted holds each sector on the device against one encrypted by itself under the number that it has.
func encrypted(t *rapid.T, device, model []byte, unit int) {
	c, err := sector.New("aes-xts-plain64", key, unit)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for at := 0; at < len(model); at += unit {
		want := slices.Clone(model[at : at+unit])
		if err := c.Encrypt(want, want, 5+uint64(at/512)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(device[at:at+unit], want) {
			t.Fatalf("the sector at %d is encrypted under another number", at)
		}
	}
}

func TestAnEmptyReadOrWriteTouchesNothing(t *testing.T) {
	for _, at := range []int64{-600, -5, 0, 100, 512, 1000, 1024, 1100, 1 << 40} {
		dev := &memory{image: make([]byte, 8192)}
		p, err := plaintext.Open(dev, aes(512, 1024, 512), key)
		if err != nil {
			t.Fatal(err)
		}
		n, err := p.WriteAt(nil, at)
		if n != 0 || errors.Is(err, plaintext.ErrNegative) != (at < 0) || at >= 0 && err != nil {
			t.Errorf("at %d: %d, %v", at, n, err)
		}
		n, err = p.ReadAt(nil, at)
		if n != 0 || dev.calls != 0 || (err == io.EOF) != (at >= p.Size()) ||
			errors.Is(err, plaintext.ErrNegative) != (at < 0) {
			t.Errorf("at %d: %d bytes, %v, the device was used %d times", at, n, err, dev.calls)
		}
		p.Close()
	}
}

func TestErrorsOfTheDeviceComeOut(t *testing.T) {
	dev := &memory{image: make([]byte, 8192)}
	p, err := plaintext.Open(dev, aes(0, 0, 512), key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	dev.bad = 4096
	before := bytes.Clone(dev.image)
	if n, err := p.ReadAt(make([]byte, 2), 4095); n != 0 || !errors.Is(err, errBad) {
		t.Errorf("reading: %d, %v", n, err)
	}
	for _, length := range []int{1, 512} {
		if n, err := p.WriteAt(make([]byte, length), 4096); n != 0 || !errors.Is(err, errBad) {
			t.Errorf("writing: %d, %v", n, err)
		}
	}
	if !bytes.Equal(before, dev.image) {
		t.Error("something was written")
	}
	dev.bad, dev.image = 0, dev.image[:4096]
	if n, err := p.ReadAt(make([]byte, 2), 4095); n != 0 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("the device became shorter: %d, %v", n, err)
	}
}

// An offset before the data is no end of them, and nothing was cut short.
func TestAnOffsetBeforeTheDataIsNamed(t *testing.T) {
	dev := &memory{image: make([]byte, 8192)}
	p, err := plaintext.Open(dev, aes(0, 0, 512), key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	n, err := p.ReadAt(make([]byte, 1), -1)
	if n != 0 || !errors.Is(err, plaintext.ErrNegative) || errors.Is(err, io.EOF) {
		t.Errorf("ReadAt: %d, %v", n, err)
	}
	n, err = p.WriteAt(make([]byte, 1), -1)
	if n != 0 || !errors.Is(err, plaintext.ErrNegative) || errors.Is(err, io.ErrShortWrite) || dev.calls != 0 {
		t.Errorf("WriteAt: %d, %v, %d calls", n, err, dev.calls)
	}
}
