// SPDX-License-Identifier: Apache-2.0

package open_test

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
)

// image is a device that can only be read.
type image struct{ *bytes.Reader }

func (image) WriteAt([]byte, int64) (int, error) { return 0, errors.New("written") }
func (image) Sync() error                        { return errors.New("synced") }

// through reads the data as the kernel does by the table's lines.
func through(t *testing.T, lines []target.Target, data []byte) []byte {
	t.Helper()
	var plain []byte
	for _, line := range lines {
		start, length := line.Span()
		if int(start)*512 != len(plain) {
			t.Fatalf("a line begins at sector %d, after %d bytes", start, len(plain))
		}
		switch l := line.(type) {
		case *target.Linear:
			plain = append(plain, data[l.Offset*512:(l.Offset+length)*512]...)
		case *target.Crypt:
			c, err := sector.New(l.Cipher, l.Key.Raw.Bytes(), max(int(l.SectorSize), 512))
			if err != nil {
				t.Fatal(err)
			}
			p := bytes.Clone(data[l.Offset*512 : (l.Offset+length)*512])
			if err := c.Decrypt(p, p, l.IVOffset); err != nil {
				t.Fatal(err)
			}
			c.Close()
			plain = append(plain, p...)
		}
	}
	return plain
}

// An interrupted reencryption reads whole through a table, between two steps and, where no unit is torn, in one.
func TestATableSaysUnderWhichKeyEachPieceOfTheDataIs(t *testing.T) {
	tables := 0
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			v := verdictOn(t, s)
			if v.State == reencrypt.None || v.State == reencrypt.Foreign || s.Name == "moved-not-restored" {
				continue
			}
			keys := reencrypt.Keys{Old: f.Old.Key, New: f.New.Key}
			run, pieces, err := v.Readable(bytes.NewReader(s.Header), bytes.NewReader(s.Data), uint64(len(s.Data)), keys)
			if err != nil {
				t.Errorf("%s/%s: %v", f.Name, s.Name, err)
				continue
			}
			table, err := open.Midway("7:0", run, pieces, keys, 0)
			if err != nil {
				t.Fatal(err)
			}
			plain := through(t, table, s.Data)
			if len(plain) < f.Plain || !bytes.Equal(plain[:f.Plain], f.PlainData()) {
				t.Errorf("%s/%s: the data differ", f.Name, s.Name)
			}
			if err := table.Close(); err != nil {
				t.Error(err)
			}
			tables++
		}
	}
	if tables != 64 {
		t.Errorf("%d tables", tables)
	}
}

func verdictOn(t *testing.T, s interrupted.State) reencrypt.Verdict {
	t.Helper()
	heads := header.Read(image{bytes.NewReader(s.Header)})
	choice, err := header.Choose(heads)
	if err != nil {
		t.Fatal(err)
	}
	v := reencrypt.Judge(heads, choice)
	if v.State != reencrypt.Hot {
		return v
	}
	var area io.ReaderAt = bytes.NewReader(s.Header)
	count, err := v.Run.Weigh(area, bytes.NewReader(s.Data))
	if err == nil {
		v = v.Weighed(count)
	}
	return v
}
