// SPDX-License-Identifier: Apache-2.0

package view_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/view"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// memory is a device that is only read.
type memory struct{ *bytes.Reader }

func (memory) Sync() error                        { return nil }
func (memory) WriteAt([]byte, int64) (int, error) { panic("reading writes") }

func device(image []byte) memory { return memory{bytes.NewReader(image)} }

func TestRecordedVolumesAreSeenAsTheyWereMade(t *testing.T) {
	for _, m := range vectors.All() {
		t.Run(m.Name, func(t *testing.T) {
			image, _ := vectors.Open(m.Name)
			v, err := view.Read(device(image))
			if err != nil {
				t.Fatal(err)
			}
			want := view.Data{
				Offset: uint64(m.DataOffset), Dynamic: true, Type: "crypt", Cipher: m.Encryption,
				KeySize:    len(m.VolumeKey),
				SectorSize: m.SectorSize,
			}
			if m.LUKS1() {
				want.DigestID = -1
			}
			if !reflect.DeepEqual(v.Data, want) || (v.Version == 1) != m.LUKS1() || (v.Metadata() == nil) != m.LUKS1() {
				t.Errorf("version %d, %+v, want %+v", v.Version, v.Data, want)
			}
			if !strings.Contains(vectors.Dump(m.Name), v.UUID) || len(v.UUID) != 36 {
				t.Errorf("UUID %q", v.UUID)
			}
			if ok, err := v.Digest.Verify(context.Background(), m.VolumeKey); err != nil || !ok {
				t.Errorf("the digest is not the volume key's: %v", err)
			}
			if err := v.CheckMappable(); err != nil {
				t.Error(err)
			}
			opens(t, v, image, m)
		})
	}
}

// opens holds each keyslot's area and description against the passphrases that are known to open it.
func opens(t *testing.T, v view.View, image []byte, m vectors.Manifest) {
	t.Helper()
	var bound, unbound int
	for _, k := range v.Keyslots {
		if err := k.Fits(); err != nil || !k.Openable() || k.ID != k.Identity.ID || k.Area != k.Identity.Area {
			t.Fatalf("keyslot %d: %v", k.ID, err)
		}
		found := false
		for _, passphrase := range []string{vectors.K0, vectors.K1} {
			key, err := keyslot.Open(context.Background(), k.Spec, image[k.Area.Offset:k.Area.End()],
				[]byte(passphrase), nil)
			if err != nil {
				t.Fatal(err)
			}
			ok, err := k.Digest.Verify(context.Background(), key.Bytes())
			if found = found || ok; err != nil || ok && bytes.Equal(key.Bytes(), m.VolumeKey) != k.OpensData() {
				t.Errorf("keyslot %d has another key than it says, %v", k.ID, err)
			}
			key.Close()
		}
		if !found {
			t.Errorf("no passphrase opens keyslot %d", k.ID)
		}
		if k.Unbound {
			unbound++
		} else {
			bound++
		}
	}
	if bound == 0 || v.BoundKeyslots() != bound || (unbound > 0) != (m.Name == "luks2-unbound") {
		t.Errorf("%d keyslots hold the volume key, %d another; BoundKeyslots says %d", bound, unbound,
			v.BoundKeyslots())
	}
}

func TestWhatIsNoVolumeIsToldFromOneThatIsBroken(t *testing.T) {
	whole2, _ := vectors.Open("luks2-cbc-essiv")
	whole1, _ := vectors.Open("luks1-sha1")
	spoil := func(image []byte, at ...int) []byte {
		image = bytes.Clone(image)
		for _, i := range at {
			image[i] ^= 0xff
		}
		return image
	}
	var noHeader *header.NoHeaderError
	var field *luks1.FieldError
	tests := []struct {
		name  string
		image []byte
		kind  error
		as    any
	}{
		{"nothing", nil, fault.ErrNotLUKS, nil},
		{"a sector", make([]byte, 512), fault.ErrNotLUKS, nil},
		{"zeros", make([]byte, 1<<20), fault.ErrNotLUKS, nil},
		{"both heads are damaged", spoil(whole2, 300, luks2.MinSize+300), header.ErrNoHeader, &noHeader},
		{"the magic of both is gone", spoil(whole2, 0, luks2.MinSize), fault.ErrNotLUKS, nil},
		{"LUKS1 with other stripes", spoil(whole1, 208+47), luks1.ErrInvalid, &field},
		{"LUKS1 that is cut off", whole1[:4096], luks1.ErrInvalid, &field},
		{"LUKS1 of another version", spoil(whole1, 7), header.ErrNoHeader, &noHeader},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v, err := view.Read(device(test.image))
			if test.as != nil && !errors.As(err, test.as) || test.as == nil && !errors.Is(err, test.kind) ||
				v.Version != 0 {
				t.Errorf("version %d, %v", v.Version, err)
			}
			if errors.Is(err, fault.ErrNotLUKS) != (test.kind == fault.ErrNotLUKS) {
				t.Errorf("%v", err)
			}
		})
	}
	for name, at := range map[string]int{"primary": 300, "secondary": luks2.MinSize + 300} {
		if v, err := view.Read(device(spoil(whole2, at))); err != nil || v.Choice.Healthy() || v.BoundKeyslots() == 0 {
			t.Errorf("damaged %s: %v", name, err)
		}
	}
}

// metadata has a segment with digest 0 of keyslot 2, and keyslot 5 of another type.
func metadata(t testing.TB, segment luks2.Segment, digestType string) *luks2.Metadata {
	m := luks2.NewMetadata(luks2.MinSize, 1<<20)
	m.AddCrypt(segment)
	slot := luks2.Keyslot{
		ID: 2, Type: luks2.TypeLUKS2, KeySize: 64, Priority: luks2.PriorityPrefer,
		AF:   luks2.AF{Type: "luks1", Stripes: 4000, Hash: "sha512"},
		Area: luks2.Area{Type: "raw", Offset: 32768, Size: 258048, Encryption: "serpent-xts-plain64", KeySize: 32},
		KDF:  luks2.KDF{Type: "argon2id", Time: 4, Memory: 32, CPUs: 1, Salt: []byte("salt")},
	}
	foreign := slot
	foreign.ID, foreign.Type, foreign.Area.Offset = 5, "of a stranger", 290816
	if err := errors.Join(m.AddKeyslot(foreign), m.AddKeyslot(slot)); err != nil {
		t.Fatal(err)
	}
	d := luks2.Digest{
		Type: digestType, Keyslots: []int{2}, Segments: []int{0}, Hash: "sha1", Iterations: 77,
		Salt:  []byte("its salt"),
		Value: []byte("sum"),
	}
	if _, err := m.AddDigest(d); err != nil {
		t.Fatal(err)
	}
	return m
}

func of(m *luks2.Metadata) view.View {
	h := luks2.Header{Size: luks2.MinSize, UUID: "its UUID", Label: "its label", Subsystem: "its subsystem"}
	return view.Of2(header.Heads{DeviceSize: 9}, header.Choice{Copy: luks2.Copy{Header: h, Metadata: m}})
}

var fixed = luks2.Segment{Offset: 2 << 20, Size: 512 * 99, IVTweak: 8, Encryption: "aes-xts-plain64", SectorSize: 512}

func TestEveryWordOfTheHeadsIsInTheView(t *testing.T) {
	v := of(metadata(t, fixed, "pbkdf2"))
	if v.Version != 2 || v.UUID != "its UUID" || v.Label != "its label" || v.Subsystem != "its subsystem" ||
		v.Heads.DeviceSize != 9 {
		t.Errorf("%+v", v)
	}
	if want := (view.Data{
		Offset: 2 << 20, Size: 512 * 99, Type: "crypt", Cipher: "aes-xts-plain64", KeySize: 64, SectorSize: 512,
		IVTweak: 8,
	}); v.Data != want {
		t.Errorf("%+v, want %+v", v.Data, want)
	}
	sum := &digest.Digest{Hash: "sha1", Iterations: 77, Salt: []byte("its salt"), Sum: []byte("sum")}
	if !reflect.DeepEqual(v.Digest, sum) || string(v.KeyDigest()) != "sum" {
		t.Errorf("%+v", v.Digest)
	}
	stranger, slot := v.Keyslots[0], v.Keyslots[1]
	if stranger.ID != 5 || stranger.Type != "of a stranger" || !stranger.Unbound || stranger.Openable() ||
		stranger.OpensData() ||
		stranger.Spec.KeySize != 0 || stranger.Area != (luks2.Extent{Offset: 290816, Size: 258048}) {
		t.Errorf("%+v", stranger)
	}
	want := keyslot.Spec{
		KeySize: 64, Stripes: 4000, AFHash: "sha512", Cipher: "serpent-xts-plain64", CipherKeySize: 32,
		KDF: kdf.Params{Type: "argon2id", Time: 4, Memory: 32, CPUs: 1, Salt: []byte("salt")},
	}
	if slot.ID != 2 || slot.Priority != luks2.PriorityPrefer || slot.Unbound || !reflect.DeepEqual(slot.Spec, want) ||
		!reflect.DeepEqual(slot.Digest, sum) || string(slot.Identity.Digest) != "sum" || !slot.OpensData() {
		t.Errorf("%+v", slot)
	}
}

func TestAKeyslotOfAnUnknownTypeOpensNothingThoughADigestListsIt(t *testing.T) {
	m := metadata(t, fixed, "pbkdf2")
	if err := m.AssignDigest(0, 5); err != nil {
		t.Fatal(err)
	}
	v := of(m)
	if k := v.Keyslots[0]; k.ID != 5 || k.Unbound || k.Digest == nil || k.Openable() || k.OpensData() ||
		v.BoundKeyslots() != 1 {
		t.Errorf("%+v, %d bound", k, v.BoundKeyslots())
	}
}

func TestTheLengthOfDataThatReachToTheEndIsNotSaid(t *testing.T) {
	dynamic := fixed
	dynamic.Size, dynamic.Dynamic = 0, true
	m := metadata(t, fixed, "pbkdf2")
	dynamic.Offset = fixed.Offset + fixed.Size
	m.AddCrypt(dynamic)
	if v := of(m); v.Data.Size != 0 || !v.Data.Dynamic || v.Data.Offset != fixed.Offset {
		t.Errorf("%+v", v.Data)
	}
}

func TestADigestOfAnUnknownTypeVerifiesNothing(t *testing.T) {
	v := of(metadata(t, fixed, "of a stranger"))
	if v.Digest != nil || v.KeyDigest() != nil || v.Data.DigestID != 0 || v.BoundKeyslots() != 0 {
		t.Errorf("%+v", v)
	}
	k, err := v.Keyslot(2)
	if err != nil || k.Openable() || k.OpensData() || k.Unbound {
		t.Errorf("%+v, %v", k, err)
	}
}

func TestASegmentWithoutADigestHasNoKey(t *testing.T) {
	m := luks2.NewMetadata(luks2.MinSize, 1<<20)
	if v := of(m); v.Data != (view.Data{DigestID: -1}) || v.Digest != nil {
		t.Errorf("no segment: %+v", v.Data)
	}
	m.AddCrypt(fixed)
	if v := of(m); v.Data.DigestID != -1 || v.Data.KeySize != 0 || v.Data.Cipher != fixed.Encryption {
		t.Errorf("no digest: %+v", v.Data)
	}
}

func TestTheKeysLengthIsThatOfAKeyslotThatIsThere(t *testing.T) {
	m := metadata(t, fixed, "pbkdf2")
	if err := m.RemoveKeyslot(2); err != nil {
		t.Fatal(err)
	}
	if v := of(m); v.Data.KeySize != 0 || v.BoundKeyslots() != 0 {
		t.Errorf("%+v", v.Data)
	}
}

func TestKeyslotsAreFoundByNumber(t *testing.T) {
	v := of(metadata(t, fixed, "pbkdf2"))
	for id := range luks2.MaxKeyslots {
		k, err := v.Keyslot(id)
		var of *fault.KeyslotError
		switch {
		case id == 2 || id == 5:
			if err != nil || k.ID != id {
				t.Errorf("keyslot %d: %+v, %v", id, k, err)
			}
		case !errors.Is(err, fault.ErrKeyslotInactive) || !errors.As(err, &of) || of.Keyslot != id:
			t.Errorf("keyslot %d: %v", id, err)
		}
	}
}

func TestTheDigestThatIsHandedOutIsACopy(t *testing.T) {
	v := of(metadata(t, fixed, "pbkdf2"))
	clear(v.KeyDigest())
	if string(v.Digest.Sum) != "sum" {
		t.Errorf("%q", v.Digest.Sum)
	}
}

func TestOnlyPlainEncryptionWithoutRequirementsIsMapped(t *testing.T) {
	base := string(metadata(t, fixed, "pbkdf2").Text())
	parse := func(old, with string) view.View {
		text := strings.Replace(base, old, with, 1)
		if text == base && old != "" {
			t.Fatalf("no %s in %s", old, base)
		}
		m, err := luks2.ParseMetadata([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		return of(m)
	}
	config := func(requirements string) view.View {
		list, err := json.Marshal(strings.Fields(requirements))
		if err != nil {
			t.Fatal(err)
		}
		return parse(`"config":{`, `"config":{"requirements":{"mandatory":`+string(list)+`},`)
	}
	var segment *fault.SegmentError
	if err := parse("", "").CheckMappable(); err != nil {
		t.Error(err)
	}
	if err := parse(`"crypt"`, `"linear"`).CheckMappable(); !errors.As(err, &segment) || segment.Type != "linear" ||
		segment.Integrity {
		t.Error(err)
	}
	integrity := `"sector_size":512,"integrity":{"type":"hmac(sha256)","journal_encryption":"none","journal_integrity":"none"}`
	if err := parse(`"sector_size":512`, integrity).CheckMappable(); err != nil {
		t.Error(err)
	}
	var unmet *luks2.RequirementsError
	if err := config("unheard-of").CheckRequirements(); !errors.As(err, &unmet) || !slices.Equal(unmet.Names,
		[]string{"unheard-of"}) {
		t.Errorf("%v", err)
	}
	v := config("online-reencrypt-v2 unheard-of")
	if err := v.CheckRequirements(); !errors.As(err, &unmet) || !slices.Equal(unmet.Names, v.Requirements()) {
		t.Errorf("%v", err)
	}
	if err := v.CheckMappable(); !errors.Is(err, luks2.ErrRequirements) || !slices.Contains(v.Requirements(),
		"unheard-of") {
		t.Errorf("%v", err)
	}
	if err := (view.View{Version: 1}).CheckRequirements(); err != nil {
		t.Errorf("LUKS1: %v", err)
	}
}

func TestBothCostsOfAKeyslotAreJudged(t *testing.T) {
	v := of(metadata(t, fixed, "pbkdf2"))
	k, err := v.Keyslot(2)
	if err != nil {
		t.Fatal(err)
	}
	dear, cheap := errors.New("dear"), func(kdf.Params) error { return nil }
	if err := k.Admit(cheap); err != nil {
		t.Error(err)
	}
	for _, kind := range []string{kdf.PBKDF2, kdf.Argon2id} {
		var seen []kdf.Params
		err := k.Admit(func(p kdf.Params) error {
			seen = append(seen, p)
			if p.Type == kind {
				return dear
			}
			return nil
		})
		var of *fault.KeyslotError
		if !errors.Is(err, dear) || !errors.As(err, &of) || of.Keyslot != 2 {
			t.Errorf("%s: %v", kind, err)
		}
		digest := kdf.Params{Type: kdf.PBKDF2, Hash: "sha1", Iterations: 77}
		if !reflect.DeepEqual(seen, []kdf.Params{k.Spec.KDF, digest}) {
			t.Errorf("judged %+v", seen)
		}
	}
}

func TestMaterialFitsItsAreaExactly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		size := rapid.IntRange(1, keyslot.MaxKeySize).Draw(t, "key")
		k := view.Keyslot{Spec: keyslot.Spec{KeySize: size, Stripes: 4000, CipherKeySize: 32}}
		need := uint64(size*4000+511) / 512 * 512
		for _, have := range []uint64{0, need - 1, need, need + 1, 1<<64 - 1} {
			k.Area.Size = have
			if err := k.Fits(); (err == nil) != (have >= need) || err != nil && !errors.Is(err, fault.ErrGeometry) {
				t.Fatalf("%d bytes in %d: %v", need, have, err)
			}
		}
		k.Spec.Stripes = 1
		if k.Fits() == nil {
			t.Fatal("one stripe")
		}
	})
}

func TestAKeyslotOfLUKS1IsOpenedAsItsHeaderSays(t *testing.T) {
	parts, err := luks1.NewLayout(64, luks1.Placement{})
	if err != nil {
		t.Fatal(err)
	}
	h := parts.Apply(luks1.Header{
		CipherName: "aes", CipherMode: "xts-plain64", HashSpec: "sha512", KeyBytes: 64, DigestIterations: 55,
		UUID: "its UUID",
	}).WithKeyslot(6, 1234, [luks1.SaltSize]byte{9}).WithKeyslot(1, 99, [luks1.SaltSize]byte{8})
	v := view.Of1(h)
	if len(v.Keyslots) != 2 || v.Keyslots[0].ID != 1 || v.Keyslots[1].ID != 6 || v.BoundKeyslots() != 2 ||
		v.LUKS1 != h ||
		v.UUID != "its UUID" || v.Digest.Iterations != 55 || v.Digest.Hash != "sha512" {
		t.Fatalf("%+v", v)
	}
	salt := make([]byte, luks1.SaltSize)
	salt[0] = 9
	want := keyslot.Spec{
		KeySize: 64, Stripes: 4000, AFHash: "sha512", Cipher: "aes-xts-plain64", CipherKeySize: 64,
		KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha512", Iterations: 1234, Salt: salt},
	}
	offset, length := h.Material(6)
	k := v.Keyslots[1]
	if !reflect.DeepEqual(k.Spec, want) || k.Area != (luks2.Extent{Offset: uint64(offset), Size: uint64(length)}) ||
		k.Type != "luks1" || k.Unbound || k.Priority != luks2.PriorityNormal {
		t.Errorf("%+v", k)
	}
}
