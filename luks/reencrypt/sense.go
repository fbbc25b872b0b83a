// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"crypto/rand"
	"io"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// piece is what is looked at as one, bytes: what no device tears.
const piece = 512

// mostOfData is how many different bytes a piece has at most that cannot be encrypted: random ones have 221 of 256
// on average, with a deviation of 4.7.
const mostOfData = 180

// Senses counts pieces of 512 bytes that make sense under one key and not under the other. What is compressed or
// random makes none under either, and says nothing.
type Senses struct {
	Old uint64 `json:"old"` // only under the old key
	New uint64 `json:"new"` // only under the new key
}

// contradict: there is more that speaks for the old key.
func (s Senses) contradict() bool { return s.Old > s.New }

func (s *Senses) add(o Senses) { s.Old, s.New = s.Old+o.Old, s.New+o.New }

// senses compares two readings of the same bytes.
func senses(asOld, asNew []byte) (s Senses) {
	for at := 0; at+piece <= min(len(asOld), len(asNew)); at += piece {
		o, n := telling(asOld[at:at+piece]), telling(asNew[at:at+piece])
		switch {
		case o && !n:
			s.Old++
		case n && !o:
			s.New++
		}
	}
	return s
}

// telling: no cipher makes bytes with so few different ones.
func telling(p []byte) bool {
	var seen [256]bool
	different := 0
	for _, b := range p {
		if !seen[b] {
			seen[b] = true
			different++
		}
	}
	return different <= mostOfData
}

// blank: nothing was ever written there, or it was given back to the device.
func blank(p []byte) bool {
	for _, b := range p {
		if b != p[0] {
			return false
		}
	}
	return true
}

// samples are how many places of the data a conclusion looks at, and sample how many bytes of each.
const (
	samples = 64
	sample  = 4096
)

// Sample reads places all over the data of a run in which everything is new by its metadata, under the new key and
// under the old one where that is at hand: they are not authenticated. The error is an OddError where more makes
// sense under the old key, or one of reading.
func (r *Run) Sample(data io.ReaderAt, size uint64, keys Keys) (Senses, error) {
	var all Senses
	lacks, _ := r.Lacks(keys)
	old, fresh, err := r.ciphers(keys)
	if err != nil {
		return all, err
	}
	defer closeAll(old, fresh)
	for _, at := range places(r.New.Offset, size) {
		one, err := r.sampleAt(data, at, size, old, fresh, lacks)
		if err != nil {
			return all, err
		}
		all.add(one)
	}
	if all.contradict() {
		return all, &OddError{all}
	}
	return all, nil
}

// places are bytes of the data: the first ones, and others spread evenly.
func places(offset, size uint64) (list []uint64) {
	if size < offset+sample {
		return nil
	}
	room := (size - offset) / sample
	for i := range min(room, samples/4) {
		list = append(list, i*sample)
	}
	for i := range uint64(samples) {
		if at := room * i / samples; at >= samples/4 {
			list = append(list, at*sample)
		}
	}
	return list
}

func (r *Run) sampleAt(data io.ReaderAt, at, size uint64, old, fresh *sector.Cipher, lacks bool,
) (s Senses, err error) {
	from := r.Old.Offset + at
	if r.Moved != nil && at < r.Moved.Size {
		from = r.Moved.Offset + at
	}
	if from+sample > size {
		return s, nil
	}
	now, err := readFull(data, r.New.Offset+at, sample)
	if err != nil || blank(now) {
		return s, err
	}
	was, err := readFull(data, from, sample)
	if err != nil {
		return s, err
	}
	if lacks { // under a key that is not at hand nothing makes sense
		_, err = rand.Read(was)
	} else {
		err = decipher(old, was, at)
	}
	if err != nil {
		return s, err
	}
	if err := decipher(fresh, now, at); err != nil {
		return s, err
	}
	return senses(was, now), nil
}

// ciphers of both ends; nil for plain data and for a key that is not at hand.
func (r *Run) ciphers(keys Keys) (old, fresh *sector.Cipher, err error) {
	if old, err = r.Old.cipher(keys.Old); err != nil {
		return nil, nil, err
	}
	if fresh, err = r.New.cipher(keys.New); err != nil {
		closeAll(old)
		return nil, nil, err
	}
	return old, fresh, nil
}

func (e *End) cipher(key []byte) (*sector.Cipher, error) {
	if e.Type != "crypt" || key == nil {
		return nil, nil
	}
	return sector.New(e.Encryption, key, int(e.SectorSize))
}

func closeAll(list ...*sector.Cipher) {
	for _, c := range list {
		if c != nil {
			c.Close()
		}
	}
}

func wipe(p []byte) { secret.Wipe(p) }

// SenseOfNew counts the pieces of the hot zone that make sense under the new key, which needs no other one.
func (r *Run) SenseOfNew(data io.ReaderAt, keys Keys) (n uint64, err error) {
	_, fresh, err := r.ciphers(Keys{New: keys.New})
	if err != nil {
		return 0, err
	}
	defer closeAll(fresh)
	hot := r.Hot()
	for at := uint64(0); at < hot.Size; at += batch {
		p, err := readFull(data, hot.Offset+at, min(batch, hot.Size-at))
		if err == nil {
			err = decipher(fresh, p, hot.Start+at)
		}
		if err != nil {
			return n, err
		}
		for i := 0; i+piece <= len(p); i += piece {
			if telling(p[i : i+piece]) {
				n++
			}
		}
		wipe(p)
	}
	return n, nil
}
