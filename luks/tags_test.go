// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/format"
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
			key := keyOf(t, vector.Key)
			scheme, err := v.Scheme()
			if err != nil || scheme.CheckKey(key.Len()) != nil {
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
			m.Key = key.Buffer
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

// keyOf is a volume key in hexadecimal digits.
func keyOf(t *testing.T, digits string) *luks.Key {
	t.Helper()
	raw, err := hex.DecodeString(digits)
	if err != nil {
		t.Fatal(err)
	}
	key, err := secret.Copy(raw)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { key.Close() })
	return &luks.Key{Buffer: key}
}

// Without a kernel: what cryptsetup wrote is read back, and a sector whose tag is wrong is named.
func TestAuthenticatedDataIsReadWithoutAMapping(t *testing.T) {
	read := 0
	for _, vector := range vectors.AllAuthentic() {
		t.Run(vector.Name, func(t *testing.T) {
			image := vector.Image()
			dev := &memory{image: image}
			v := loaded(t, dev)
			key := keyOf(t, vector.Key)
			p, err := v.Plaintext(dev, key)
			if errors.Is(err, luks.ErrUnsupported) && !strings.Contains(vector.Name, "gcm") {
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer p.Close()
			read++
			data := make([]byte, vector.Valid*512)
			if _, err := p.ReadAt(data, 0); err != nil {
				t.Fatal(err)
			}
			if sum := sha256.Sum256(data); hex.EncodeToString(sum[:]) != vector.SHA256 {
				t.Errorf("other data: %x", sum)
			}
			part := make([]byte, 1000)
			if _, err := p.ReadAt(part, 300); err != nil || !bytes.Equal(part, data[300:1300]) {
				t.Errorf("a part: %v", err)
			}
			var bad *integrity.CorruptError
			if _, err := p.ReadAt(data, int64(len(data))-512); !errors.As(err, &bad) || bad.Sector != uint64(vector.Valid) {
				t.Errorf("behind the valid sectors: %v", err)
			}
			if _, err := p.ReadAt(part, p.Size()); err != io.EOF {
				t.Errorf("behind the end: %v", err)
			}
			sb, err := integrity.ReadSuperblock(dev, v.Data.Offset/512)
			if err != nil {
				t.Fatal(err)
			}
			l, err := sb.Layout(v.Data.Offset / 512)
			if err != nil {
				t.Fatal(err)
			}
			for what, at := range map[string]int64{"data": l.DataByte(8) + 7, "tag": l.TagByte(8) + 1} {
				image[at] ^= 1
				if _, err := p.ReadAt(part, 8*512); !errors.As(err, &bad) || bad.Sector != 8 {
					t.Errorf("a changed bit of its %s: %v", what, err)
				}
				image[at] ^= 1
			}
			if _, err := p.WriteAt(part, 0); err == nil {
				t.Error("written")
			}
		})
	}
	if read != 4 {
		t.Errorf("%d of 9 volumes were read", read)
	}
}

// What Format writes is a volume like cryptsetup's, and nothing is written where it cannot be.
func TestFormatGivesSectorsTheirTags(t *testing.T) {
	for _, c := range []struct {
		cipher, kind string
		key, size    int
		ok           bool
	}{
		{"aes-gcm-random", "aead", 32, 4 << 20, true},
		{"aes-xts-plain64", "hmac(sha256)", 96, 4 << 20, true},
		{"aes-xts-random", "none", 64, 4 << 20, true},
		{"aes-gcm-random", "hmac(sha256)", 32, 4 << 20, false},
		{"aes-gcm-plain64", "aead", 32, 4 << 20, false},
		{"aes-xts-plain64", "hmac(sha256)", 80, 4 << 20, false},
		{"aes-gcm-random", "aead", 32, 1<<20 + 64<<10, false}, // no room for journal and tags
	} {
		dev := &memory{image: make([]byte, c.size)}
		o := luks.FormatOptions{
			Cipher: c.cipher, Integrity: format.NewIntegrity(c.kind, 0), KeySize: c.key, SectorSize: 4096,
			DataOffset: 1 << 20, DigestIterations: 1000,
		}
		o.Keyslot.KDF.Type, o.Keyslot.KDF.Hash, o.Keyslot.KDF.Iterations = "pbkdf2", "sha256", 1000
		v, err := luks.Format(t.Context(), dev, []byte("passphrase"), o)
		if (err == nil) != c.ok || err != nil && dev.writes != 0 {
			t.Errorf("%s %s: %v, %d writes", c.cipher, c.kind, err, dev.writes)
		}
		if err != nil {
			continue
		}
		sb, err := integrity.ReadSuperblock(dev, v.Data.Offset/512)
		if err != nil {
			t.Fatal(err)
		}
		scheme, err := v.Scheme()
		if err != nil || sb.Version != 4 || int(sb.TagSize) != scheme.TagSize() || sb.BlockSize() != 4096 {
			t.Errorf("%s %s: %+v, %v", c.cipher, c.kind, sb, err)
		}
		data := activate.Data{Device: dm.Number{Major: 7}, Size: uint64(c.size), Tags: sb}
		if _, err := v.Mapping("v", data); err != nil {
			t.Error(err)
		}
	}
}

// Without a kernel: every sector that cryptsetup wrote is good, no other one is, and one that is changed is named.
func TestAllAuthenticatedSectorsAreVerifiedWithoutAMapping(t *testing.T) {
	verified := 0
	for _, vector := range vectors.AllAuthentic() {
		t.Run(vector.Name, func(t *testing.T) {
			image := vector.Image()
			dev := &memory{image: image}
			v := loaded(t, dev)
			key := keyOf(t, vector.Key)
			tags, err := v.Tags(t.Context(), dev, key)
			switch kind := v.Data.Integrity.Type; {
			case kind == "none":
				if !errors.Is(err, luks.ErrNoTags) {
					t.Error(err)
				}
				return
			case kind == "poly1305" || strings.HasPrefix(v.Data.Cipher, "aegis"):
				if !errors.Is(err, luks.ErrUnsupported) {
					t.Error(err)
				}
				return
			case err != nil:
				t.Fatal(err)
			}
			verified++
			all := tags.ProvidedSectors
			valid := min(uint64(vector.Valid), all)
			var want []integrity.Run
			if valid < all {
				want = []integrity.Run{{First: valid, Sectors: all - valid}}
			}
			for round := range 2 {
				r, err := tags.Verify(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if r.Mismatch != all-r.Good || !slices.Equal(r.Bad, want) || r.Sound() != (want == nil) {
					t.Errorf("round %d: %+v, want %+v", round, r, want)
				}
				image[tags.TagByte(8)] ^= 1
				want = append([]integrity.Run{{First: 8, Sectors: uint64(tags.BlockSize()) / 512}}, want...)
			}
			if dev.writes != 0 {
				t.Error("written")
			}
		})
	}
	if verified != 5 {
		t.Errorf("%d of 9 volumes were verified", verified)
	}
}
