// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

var (
	keyInTable    = regexp.MustCompile(` [0-9a-f]{32,} `)
	kernelsOrder  = regexp.MustCompile(`(integrity:\S+) (sector_size:\d+)`)
	kernelsOwnSay = regexp.MustCompile(` \d+ (block_size:4096 )?journal_sectors:\d+ interleave_sectors:\d+ buffer_sectors:\d+`)
)

// Both lines of each volume are those that cryptsetup loaded, but for what the kernel adds of its own.
func TestTablesOfAuthenticatedVolumesAreThoseOfCryptsetup(t *testing.T) {
	for _, vector := range vectors.AllAuthentic() {
		t.Run(vector.Name, func(t *testing.T) {
			image := vector.Image()
			v := loaded(t, &memory{image: image})
			raw, err := hex.DecodeString(vector.Key)
			if err != nil {
				t.Fatal(err)
			}
			key, err := secret.Copy(raw)
			if err != nil {
				t.Fatal(err)
			}
			defer key.Close()
			scheme, err := v.Scheme()
			if err != nil || scheme.CheckKey(len(raw)) != nil {
				t.Fatalf("%+v, %v", scheme, err)
			}
			data := activate.Data{Device: dm.Number{Major: 7}, Size: uint64(len(image))}
			if _, err := v.Mapping("l", data); !errors.Is(err, luks.ErrGeometry) {
				t.Errorf("without a superblock: %v", err)
			}
			if data.Tags, err = integrity.ReadSuperblock(bytes.NewReader(image), v.Data.Offset/512); err != nil {
				t.Fatal(err)
			}
			m, err := v.Mapping("l", data)
			if err != nil {
				t.Fatal(err)
			}
			m.Key = key
			line, err := m.Target(false)
			if err != nil {
				t.Fatal(err)
			}
			line.Device, line.Offset = "254:0", 0
			want := keyInTable.ReplaceAllString(kernelsOrder.ReplaceAllString(vector.Tables[0], "$2 $1"), " KEY ")
			if got := keyInTable.ReplaceAllString("l: "+lineText(t, line), " KEY "); got != want {
				t.Errorf("crypt\n%s\nwant\n%s", got, want)
			}
			want = kernelsOwnSay.ReplaceAllString(vector.Tables[1], "")
			got := regexp.MustCompile(` \d+( block_size:4096)? journal_watermark`).ReplaceAllString(
				"l_dif: "+lineText(t, m.Tags), " journal_watermark")
			if got != want {
				t.Errorf("integrity\n%s\nwant\n%s", got, want)
			}
			data.Tags.TagSize++
			if _, err := v.Mapping("l", data); err == nil {
				t.Error("tags of another size are mapped")
			}
			data.Tags.TagSize--
			data.Size = v.Data.Offset + 64<<10
			if _, err := v.Mapping("l", data); !errors.Is(err, integrity.ErrTooSmall) {
				t.Errorf("a device that was cut: %v", err)
			}
		})
	}
}

func lineText(t *testing.T, line target.Target) string {
	t.Helper()
	text, err := target.Text(line)
	if err != nil {
		t.Fatal(err)
	}
	defer text.Close()
	return strings.Clone(string(text.Bytes()))
}
