// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// register is a number kept twice on a disk, in records of four sectors with a checksum. It is
// the smallest thing that can be updated safely, and each of its flaws makes it unsafe in one way.
type register struct {
	flaws []string
}

const (
	recordSize  = 4 * disk.SectorSize
	firstRecord = 8 * disk.SectorSize
	nextRecord  = 24 * disk.SectorSize
	diskSize    = 40 * disk.SectorSize
)

var errNoRecord = errors.New("no valid record")

func (r register) has(flaw string) bool { return slices.Contains(r.flaws, flaw) }

// encode makes a record that fills its four sectors: sequence number, value many times, checksum.
func encodeRecord(seq, value uint64) []byte {
	p := binary.BigEndian.AppendUint64(nil, seq)
	for len(p) < recordSize-sha256.Size {
		p = binary.BigEndian.AppendUint64(p, value)
	}
	sum := sha256.Sum256(p)
	return append(p, sum[:]...)
}

func readRecord(dev io.ReaderAt, at int64) (seq, value uint64, err error) {
	p := make([]byte, recordSize)
	if _, err := dev.ReadAt(p, at); err != nil {
		return 0, 0, err
	}
	if sum := sha256.Sum256(p[:recordSize-sha256.Size]); !bytes.Equal(sum[:], p[recordSize-sha256.Size:]) {
		return 0, 0, errNoRecord
	}
	return binary.BigEndian.Uint64(p), binary.BigEndian.Uint64(p[8:]), nil
}

// load returns the newest valid record and where it is. doubt is the error of a copy that cannot be
// read and might be newer still.
func (r register) load(dev io.ReaderAt) (seq, value uint64, at int64, doubt, err error) {
	err = errNoRecord
	for _, place := range []int64{firstRecord, nextRecord} {
		s, v, e := readRecord(dev, place)
		switch {
		case e == nil && s > seq:
			seq, value, at, err = s, v, place, nil
		case e != nil && !errors.Is(e, errNoRecord) && !r.has("takes an error for absence"):
			doubt = fmt.Errorf("copy at %d: %w", place, e)
		}
	}
	return seq, value, at, doubt, err
}

func (r register) put(dev Device, p []byte, at int64) error {
	if _, err := dev.WriteAt(p, at); err != nil && !r.has("ignores write errors") {
		return err
	}
	if r.has("does not flush") {
		return nil
	}
	if err := dev.Sync(); err != nil && !r.has("ignores flush errors") {
		return err
	}
	if r.has("does not read back") {
		return nil
	}
	got := make([]byte, len(p))
	if _, err := dev.ReadAt(got, at); err != nil {
		return err
	}
	if !bytes.Equal(got, p) {
		return errors.New("does not read back")
	}
	return nil
}

// run raises the number by one: the worse copy first.
func (r register) run(dev Device) error {
	seq, value, at, doubt, err := r.load(dev)
	if doubt != nil && r.has("scribbles on errors") {
		_, _ = dev.WriteAt([]byte{1}, 0)
	}
	if err := errors.Join(doubt, err); err != nil {
		return err
	}
	p := encodeRecord(seq+1, value+1)
	order := []int64{firstRecord, nextRecord}
	if _, _, err := readRecord(dev, nextRecord); err != nil && at == firstRecord && !r.has("always writes the first copy first") {
		order = []int64{nextRecord, firstRecord}
	}
	for _, place := range order {
		if err := r.put(dev, p, place); err != nil {
			return err
		}
		if r.has("writes elsewhere") {
			_, _ = dev.WriteAt([]byte{1}, 0)
		}
	}
	return nil
}

// recover brings the newest record to both places.
func (r register) recover(dev Device) error {
	seq, value, at, doubt, err := r.load(dev)
	if err := errors.Join(doubt, err); err != nil {
		return err
	}
	if r.has("recovers from the first copy") {
		if s, v, e := readRecord(dev, firstRecord); e == nil {
			seq, value, at = s, v, firstRecord
		}
	}
	other := firstRecord + nextRecord - at
	s, _, err := readRecord(dev, other)
	switch {
	case err == nil && s == seq && !r.has("recovers again and again"):
		return nil
	case err != nil && !errors.Is(err, errNoRecord) && !r.has("takes an error for absence"):
		return fmt.Errorf("copy at %d: %w", other, err)
	}
	p := encodeRecord(seq, value)
	if r.has("recovers by way of zeros") {
		_, _ = dev.WriteAt(make([]byte, recordSize), at)
		_, _ = dev.WriteAt(p, at)
	}
	return r.put(dev, p, other)
}

func (r register) check(c Case) Verdict {
	_, value, _, _, err := r.load(c.Image)
	switch {
	case err != nil && (c.Damaged(disk.Range{Offset: firstRecord, Length: recordSize}) || c.Damaged(disk.Range{Offset: nextRecord, Length: recordSize})):
		return Verdict{NoCopy, err.Error()}
	case err != nil:
		return broken("%v", err)
	case value == 100:
		return Verdict{Outcome: Old}
	case value == 101:
		return Verdict{Outcome: New}
	}
	return broken("value %d", value)
}

func (r register) operation() Operation {
	content := make([]byte, diskSize)
	copy(content[firstRecord:], encodeRecord(7, 100))
	copy(content[nextRecord:], encodeRecord(7, 100))
	copies := []disk.Range{{Offset: firstRecord, Length: recordSize}, {Offset: nextRecord, Length: recordSize}}
	return Operation{
		Name:    "register",
		Setup:   func() (*disk.Image, error) { return disk.NewImage(content), nil },
		Run:     r.run,
		Check:   r.check,
		Recover: r.recover,
		Owned:   copies,
		Copies:  copies,
	}
}
