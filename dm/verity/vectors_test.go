// SPDX-License-Identifier: Apache-2.0

package verity_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/verity"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// recorded is a recorded image, with what its command line says.
type recorded struct {
	vectors.Verity
	superblock            verity.Superblock
	hashOffset, fecOffset int64
	noSuperblock          bool
	roots                 int
	files                 map[string]*memory
}

func load(t *testing.T, v vectors.Verity) *recorded {
	t.Helper()
	r := &recorded{Verity: v, files: map[string]*memory{"data": {bytes: v.Data()}}}
	for name := range v.Files {
		r.files[name] = &memory{bytes: v.File(name)}
	}
	if v.Combined {
		r.files["data"] = r.files["combined"]
	}
	r.superblock.Params = verity.Params{Format: 1, Algorithm: "sha256", DataBlockSize: 4096, HashBlockSize: 4096}
	numbers := map[string]int64{}
	for i, word := range v.Command {
		if !strings.HasPrefix(word, "--") {
			continue
		}
		switch word {
		case "--no-superblock":
			r.noSuperblock = true
		case "--hash":
			r.superblock.Algorithm = v.Command[i+1]
		case "--salt":
			r.superblock.Salt = fromHex(t, strings.TrimPrefix(v.Command[i+1], "-"))
		case "--uuid":
			copy(r.superblock.UUID[:], fromHex(t, strings.ReplaceAll(v.Command[i+1], "-", "")))
		case "--fec-device":
		default:
			n, err := strconv.ParseInt(v.Command[i+1], 10, 64)
			if err != nil {
				t.Fatalf("%s: %v", word, err)
			}
			numbers[word] = n
		}
	}
	r.apply(numbers)
	return r
}

func (r *recorded) apply(numbers map[string]int64) {
	p := &r.superblock.Params
	if n, given := numbers["--data-block-size"]; given {
		p.DataBlockSize = uint32(n)
	}
	if n, given := numbers["--hash-block-size"]; given {
		p.HashBlockSize = uint32(n)
	}
	if n, given := numbers["--format"]; given {
		p.Format = uint32(n)
	}
	p.DataBlocks = uint64(r.DataBytes) / uint64(p.DataBlockSize)
	r.hashOffset, r.fecOffset = numbers["--hash-offset"], numbers["--fec-offset"]
	r.roots = int(numbers["--fec-roots"])
}

func fromHex(t *testing.T, s string) []byte {
	t.Helper()
	p, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// file is what the command line names so.
func (r *recorded) file(name string) *memory {
	if f := r.files[name]; f != nil {
		return f
	}
	return r.files["combined"]
}

func (r *recorded) image() *verity.Image {
	im := &verity.Image{Params: r.superblock.Params, Data: r.files["data"], Hash: r.file("hash")}
	im.FirstBlock = im.Params.FirstBlock(r.hashOffset, !r.noSuperblock)
	if r.roots == 0 {
		return im
	}
	device, limit := r.file("hash"), r.fecOffset
	if f := r.files["fec"]; f != nil {
		device, limit = f, int64(len(r.file("hash").bytes))
	}
	im.FEC = &verity.FEC{Device: device, Offset: r.fecOffset, Roots: r.roots, Limit: limit}
	return im
}

func eachVector(t *testing.T, test func(t *testing.T, r *recorded)) {
	t.Helper()
	for _, v := range vectors.AllVerity() {
		t.Run(v.Name, func(t *testing.T) { test(t, load(t, v)) })
	}
}

func TestRecordedImagesAreMadeByteForByte(t *testing.T) {
	eachVector(t, func(t *testing.T, r *recorded) {
		want := map[string][]byte{}
		for name, file := range r.files {
			want[name] = slices.Clone(file.bytes)
		}
		r.forget(t)
		im := r.image()
		root, err := im.Build(context.Background(), r.file("hash"))
		if err != nil || hex.EncodeToString(root) != r.RootHash {
			t.Fatalf("root hash %x, %v; want %s", root, err, r.RootHash)
		}
		if im.FEC != nil {
			if err := im.EncodeFEC(context.Background(), im.FEC.Device.(verity.Storage)); err != nil {
				t.Fatal(err)
			}
		}
		if !r.noSuperblock {
			raw, err := r.superblock.Marshal()
			if err != nil {
				t.Fatal(err)
			}
			copy(r.file("hash").bytes[r.hashOffset:], raw)
		}
		for name, file := range r.files {
			if !bytes.Equal(file.bytes, want[name]) {
				t.Errorf("%s is another one", name)
			}
		}
	})
}

// forget overwrites what is to be made.
func (r *recorded) forget(t *testing.T) {
	im := r.image()
	tree, err := im.Tree()
	if err != nil {
		t.Fatal(err)
	}
	spoil := func(p []byte) {
		for i := range p {
			p[i] = 0xee
		}
	}
	hash := r.file("hash").bytes
	size := uint64(im.HashBlockSize)
	spoil(hash[im.FirstBlock*size : (im.FirstBlock+tree.Blocks)*size])
	if !r.noSuperblock {
		spoil(hash[r.hashOffset:][:verity.SuperblockSize])
	}
	if im.FEC != nil {
		spoil(im.FEC.Device.(*memory).bytes[im.FEC.Offset:])
	}
}

func TestRecordedImagesAreVerified(t *testing.T) {
	eachVector(t, func(t *testing.T, r *recorded) {
		im := r.image()
		damage, err := im.Verify(context.Background(), fromHex(t, r.RootHash))
		if err != nil || !damage.None() {
			t.Fatalf("damage %v, %v", damage, err)
		}
		if !r.noSuperblock {
			sb, err := verity.ReadSuperblock(r.file("hash"), r.hashOffset)
			if err != nil || sb.UUID != r.superblock.UUID || sb.Algorithm != r.superblock.Algorithm ||
				sb.DataBlocks != r.superblock.DataBlocks || !bytes.Equal(sb.Salt, r.superblock.Salt) {
				t.Fatalf("superblock %+v, %v", sb, err)
			}
		}
		if im.FEC != nil {
			parity, err := im.CheckFEC(context.Background())
			if err != nil || *parity != (verity.Parity{}) {
				t.Fatalf("parity %+v, %v", parity, err)
			}
		}
	})
}

// What veritysetup says of a corruption in terms of bytes is what we find; where it calls an image good, the repaired
// one has to be the original.
func TestRecordedCorruptionsAreFoundAndRepairedAsRecorded(t *testing.T) {
	tried := 0
	eachVector(t, func(t *testing.T, r *recorded) {
		for _, c := range r.Corruptions {
			if len(c.Invert) > 0 {
				tried++
				r.corrupt(t, c)
			}
		}
	})
	if tried != 5 {
		t.Errorf("%d corruptions are recorded with bytes", tried)
	}
}

func (r *recorded) corrupt(t *testing.T, c vectors.VerityCorruption) {
	fresh := load(t, r.Verity)
	sound := slices.Clone(fresh.file("data").bytes)
	for _, run := range c.Invert {
		from, n := int(run[1].(float64)), int(run[2].(float64))
		for i := range fresh.file(run[0].(string)).bytes[from:][:n] {
			fresh.file(run[0].(string)).bytes[from+i] ^= 0xff
		}
	}
	out := &memory{bytes: make([]byte, len(sound))}
	repair, err := fresh.image().Repair(context.Background(), fromHex(t, r.RootHash), verity.Output{Data: out})
	if err != nil {
		t.Fatal(err)
	}
	if found := !repair.Found.None(); found != strings.Contains(c.Stderr, "Verification of data area failed") {
		t.Errorf("%s: damage found: %v; veritysetup: %s", c.What, found, c.Stderr)
	}
	if c.Exit == 0 && (!repair.Good() || !bytes.Equal(out.bytes, sound)) {
		t.Errorf("%s: veritysetup repairs it, we do not", c.What)
	}
	if repair.Good() && !bytes.Equal(out.bytes, sound) {
		t.Errorf("%s: called good, and is not what it was", c.What)
	}
	if strings.Contains(c.Stderr, "Found ") && !strings.Contains(c.Stderr, "Found "+strconv.FormatUint(repair.Bytes, 10)+" ") {
		t.Errorf("%s: %d bytes repaired; veritysetup: %s", c.What, repair.Bytes, c.Stderr)
	}
}
