// SPDX-License-Identifier: Apache-2.0

package verity_test

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/verity"
)

func newReader(t *testing.T, s *sample) *verity.Reader {
	t.Helper()
	r, err := verity.NewReader(s.image(), s.root)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestReaderReadsWhatWasHashed(t *testing.T) {
	s := newSample(t, rand.New(rand.NewPCG(40, 1)), params(600), 0, 0)
	got, err := io.ReadAll(io.NewSectionReader(newReader(t, s), 0, 1<<40))
	if err != nil || !bytes.Equal(got, s.data.bytes) {
		t.Fatalf("%d bytes, %v", len(got), err)
	}
	part := make([]byte, 1000)
	if n, err := newReader(t, s).ReadAt(part, 777); n != 1000 || err != nil || !bytes.Equal(part, s.data.bytes[777:1777]) {
		t.Errorf("a part: %d bytes, %v", n, err)
	}
	if n, err := newReader(t, s).ReadAt(part, int64(len(s.data.bytes))-10); n != 10 || !errors.Is(err, io.EOF) {
		t.Errorf("the end: %d bytes, %v", n, err)
	}
}

func TestReaderStopsAtABadBlockAndNamesIt(t *testing.T) {
	s := newSample(t, rand.New(rand.NewPCG(41, 1)), params(600), 0, 0)
	s.data.bytes[5*512+3] ^= 1
	p := make([]byte, 10*512)
	n, err := newReader(t, s).ReadAt(p, 512)
	var bad *verity.BlockError
	if n != 4*512 || !errors.As(err, &bad) || bad.Level != -1 || bad.Block != 5 || bad.Offset != 5*512 {
		t.Errorf("%d bytes, %v", n, err)
	}
	if !errors.Is(err, verity.ErrCorrupt) {
		t.Errorf("%v is not of its kind", err)
	}
	if n, err := newReader(t, s).ReadAt(p, 6*512); n != len(p) || err != nil {
		t.Errorf("behind the bad block: %d bytes, %v", n, err)
	}
}

func TestReaderBelievesNoBlockOfTheTreeUnproven(t *testing.T) {
	s := newSample(t, rand.New(rand.NewPCG(42, 1)), params(600), 0, 0)
	last := len(s.hash.bytes) - 512
	s.hash.bytes[last] ^= 1 // of level 0
	p := make([]byte, 512)
	var bad *verity.BlockError
	if _, err := newReader(t, s).ReadAt(p, int64(len(s.data.bytes)-512)); !errors.As(err, &bad) || bad.Level != 0 {
		t.Errorf("%v", err)
	}
	s.root[0] ^= 1
	if _, err := verity.NewReader(s.image(), s.root); !errors.As(err, &bad) || bad.Block != 0 {
		t.Errorf("another root hash: %v", err)
	}
}

func TestReaderTellsMediumErrorsFromCorruption(t *testing.T) {
	s := newSample(t, rand.New(rand.NewPCG(43, 1)), params(600), 0, 0)
	s.data.bad = []int64{1000}
	if _, err := newReader(t, s).ReadAt(make([]byte, 4096), 0); !errors.Is(err, errMedium) {
		t.Errorf("%v does not wrap its cause", err)
	}
}
