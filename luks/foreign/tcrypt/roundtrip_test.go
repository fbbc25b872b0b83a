// SPDX-License-Identifier: Apache-2.0

package tcrypt_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/test/tcryptimage"
)

// unlock finds the volume that was made.
func unlock(t testing.TB, o tcryptimage.Options, im *tcryptimage.Image) *tcrypt.Volume {
	t.Helper()
	trial := o.Trial()
	if trial.Hash = o.Hash; o.Hash == "" {
		trial.Hash = "sha512" // the others are tried by tests of their own
	}
	v, err := search(t.Context(), o, im, trial)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { v.Close() })
	return v
}

func search(ctx context.Context, o tcryptimage.Options, im *tcryptimage.Image, trial tcrypt.Trial) (*tcrypt.Volume, error) {
	places, err := tcrypt.Wanted{Hidden: o.Hidden > 0, Backup: o.Backup, System: o.System}.Places(uint64(len(im.Bytes)))
	if err != nil {
		return nil, err
	}
	headers, err := tcrypt.Read(bytes.NewReader(im.Bytes), places)
	if err != nil {
		return nil, err
	}
	password, err := tcrypt.Password([]byte(o.Passphrase), o.Files(), !trial.TrueCryptOnly)
	if err != nil {
		return nil, err
	}
	defer password.Close()
	return tcrypt.Search(ctx, headers, password.Bytes(), trial)
}

// readsAs compares what user space reads with what was written.
func readsAs(t *testing.T, v *tcrypt.Volume, im *tcryptimage.Image) {
	t.Helper()
	s, err := v.Segment(uint64(len(im.Bytes)))
	if err != nil {
		t.Fatal(err)
	}
	if int(s.Offset)*512 != im.Offset || int(s.Length)*512 != len(im.Plain) {
		t.Fatalf("%+v, want %d bytes at %d", s, len(im.Plain), im.Offset)
	}
	p, err := v.Plaintext(bytes.NewReader(im.Bytes), s)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	if err != nil || !bytes.Equal(got, im.Plain) {
		t.Fatalf("%d bytes are not those that were written: %v", len(got), err)
	}
	for _, at := range []int64{0, 1, 511, 512*130 - 2, p.Size() - 5} {
		part := make([]byte, 5)
		if n, err := p.ReadAt(part, at); n != 5 || err != nil || !bytes.Equal(part, im.Plain[at:at+5]) {
			t.Errorf("at %d: %d bytes, %v", at, n, err)
		}
	}
	if n, err := p.ReadAt(make([]byte, 9), p.Size()-4); n != 4 || !errors.Is(err, io.EOF) {
		t.Errorf("at the end: %d bytes, %v", n, err)
	}
}

var xtsChains = strings.Fields("aes serpent twofish camellia twofish-aes serpent-twofish-aes aes-serpent " +
	"aes-twofish-serpent serpent-twofish serpent-camellia")

// kernelless are VeraCrypt's with a cipher that no kernel has.
var kernelless = strings.Fields("kuznyechik kuznyechik-camellia twofish-kuznyechik aes-kuznyechik " +
	"camellia-serpent-kuznyechik")

var legacyChains = strings.Fields("aes serpent twofish twofish-aes serpent-twofish-aes aes-serpent " +
	"aes-twofish-serpent serpent-twofish")

func TestEveryChainIsFoundAndReadAsItWasWritten(t *testing.T) {
	for _, ciphers := range xtsChains {
		for _, vera := range []bool{false, true} {
			o := tcryptimage.Options{Passphrase: "secret", Ciphers: ciphers, VeraCrypt: vera, Size: 512 << 10}
			if vera {
				o.PIM = 1
			}
			chainIsFound(t, o)
		}
	}
	for _, ciphers := range kernelless {
		chainIsFound(t, tcryptimage.Options{
			Passphrase: "secret", Ciphers: ciphers, VeraCrypt: true, PIM: 1, Size: 512 << 10,
		})
	}
	for _, ciphers := range legacyChains {
		chainIsFound(t, tcryptimage.Options{
			Passphrase: "secret", Ciphers: ciphers, Mode: "lrw-benbi", Version: 2, Size: 128 << 10, Hash: "sha1",
		})
	}
	for _, ciphers := range legacyChains[:3] {
		chainIsFound(t, tcryptimage.Options{
			Passphrase: "secret", Ciphers: ciphers, Mode: "cbc-tcw", Version: 1, Size: 128 << 10, Hash: "ripemd160",
		})
	}
	chainIsFound(t, tcryptimage.Options{Passphrase: "secret", Version: 3, Size: 128 << 10})
}

func chainIsFound(t *testing.T, o tcryptimage.Options) {
	t.Helper()
	t.Run(fmt.Sprintf("%s %s, VeraCrypt %v", o.Ciphers, o.Mode, o.VeraCrypt), func(t *testing.T) {
		im := tcryptimage.Make(o)
		v := unlock(t, o, im)
		if o.Ciphers != "" && v.Chain.Ciphers != o.Ciphers || v.VeraCrypt != o.VeraCrypt {
			t.Errorf("%v, VeraCrypt %v", v.Chain, v.VeraCrypt)
		}
		readsAs(t, v, im)
	})
}

func TestChainsThatNoKernelMapsAreFoundAndNotMapped(t *testing.T) {
	for _, ciphers := range legacyChains[3:] {
		o := tcryptimage.Options{Ciphers: ciphers, Mode: "cbci-tcrypt", Version: 1}
		v := unlock(t, o, tcryptimage.Make(o))
		if v.Chain.String() != ciphers+"-cbci-tcrypt" {
			t.Errorf("%s: %v", ciphers, v.Chain)
		}
		s, err := v.Segment(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Line(0, "7:0", s, 0); !errors.Is(err, tcrypt.ErrMode) {
			t.Error(err)
		}
		if _, err := v.Plaintext(bytes.NewReader(nil), s); !errors.Is(err, tcrypt.ErrMode) {
			t.Error(err)
		}
	}
}

// oldest are the chains with a cipher that the kernel is asked for.
var oldest = []tcrypt.Chain{
	{Ciphers: "cast5", Mode: "cbc-tcw"},
	{Ciphers: "des3_ede", Mode: "cbc-tcw"},
	{Ciphers: "blowfish_le", Mode: "cbc-tcrypt"},
	{Ciphers: "blowfish_le-aes", Mode: "cbc-tcrypt"},
	{Ciphers: "serpent-blowfish_le-aes", Mode: "cbc-tcrypt"},
}

// Where the kernel computes none of them, as in many containers, the search says so and goes on.
func TestTheOldestCiphersAreFoundOrSaidToBeTheKernels(t *testing.T) {
	for _, chain := range oldest {
		o := tcryptimage.Options{Ciphers: chain.Ciphers, Mode: chain.Mode, Version: 1, Hash: "sha1", Size: 128 << 10}
		im := tcryptimage.Make(o)
		v, err := search(t.Context(), o, im, tcrypt.Trial{TrueCryptOnly: true})
		if err == nil {
			if v.Chain != chain {
				t.Errorf("%v is found as %v", chain, v.Chain)
			}
			if chain.Mode == "cbc-tcw" {
				readsAs(t, v, im)
			}
			v.Close()
			continue
		}
		var none *tcrypt.NoHeaderError
		if !errors.As(err, &none) || len(none.Lacking) != len(oldest) || none.Chains == 0 {
			t.Fatalf("%v: %#v", chain, err)
		}
		for _, why := range none.Lacking {
			if !errors.Is(why, sector.ErrUnsupported) {
				t.Error(why)
			}
		}
		fmt.Printf("%v: %v\n", chain, none.Lacking[0])
	}
}

func TestKeysOfTheOldestCiphersAreAsLongAsDmCryptWantsThem(t *testing.T) {
	for i, bits := range []int{(16 + 24) * 8, (24 + 24) * 8, (56 + 24) * 8} {
		if got := oldest[i].Bits(); got != bits {
			t.Errorf("%v: %d bits, want %d", oldest[i], got, bits)
		}
		if err := oldest[i].Mappable(); (err == nil) != (i < 2) {
			t.Errorf("%v: %v", oldest[i], err)
		}
	}
}

func TestCiphersThatNoKernelHasAreReadAndNotMapped(t *testing.T) {
	for _, ciphers := range kernelless {
		o := tcryptimage.Options{Ciphers: ciphers, VeraCrypt: true, PIM: 1}
		v := unlock(t, o, tcryptimage.Make(o))
		s, err := v.Segment(1 << 20)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := v.Line(0, "7:0", s, 0); !errors.Is(err, tcrypt.ErrCipher) {
			t.Errorf("%s: %v", ciphers, err)
		}
	}
	if list := tcrypt.Specifications(); !slices.Contains(list, "camellia-xts-plain64") ||
		slices.Contains(list, "kuznyechik-xts-plain64") {
		t.Errorf("%q", list)
	}
}

func TestEveryDerivationIsFound(t *testing.T) {
	for _, hash := range strings.Fields("sha512 whirlpool ripemd160 sha1") {
		derivationIsFound(t, tcryptimage.Options{Hash: hash})
	}
	derivationIsFound(t, tcryptimage.Options{Hash: "ripemd160", System: true, Start: 64 << 10, Length: 128 << 10})
	for _, hash := range strings.Fields("sha512 sha256 whirlpool blake2s-256 stribog512 ripemd160 argon2id") {
		derivationIsFound(t, tcryptimage.Options{Hash: hash, VeraCrypt: true, PIM: 1})
	}
	for _, hash := range strings.Fields("sha256 blake2s-256 stribog512 ripemd160") {
		derivationIsFound(t, tcryptimage.Options{
			Hash: hash, VeraCrypt: true, PIM: 1, System: true, Start: 64 << 10, Length: 128 << 10,
		})
	}
}

func derivationIsFound(t *testing.T, o tcryptimage.Options) {
	t.Helper()
	t.Run(fmt.Sprintf("%s, VeraCrypt %v, system %v", o.Hash, o.VeraCrypt, o.System), func(t *testing.T) {
		o.Passphrase, o.Ciphers = "secret", "serpent-twofish-aes"
		im := tcryptimage.Make(o)
		v := unlock(t, o, im)
		if v.Derivation.Hash != o.Hash || v.Derivation.System != o.System || v.VeraCrypt != o.VeraCrypt {
			t.Errorf("found as %+v", v.Derivation)
		}
		readsAs(t, v, im)
	})
}

// Without a filter the right derivation is found among all, the last ones of the list included.
func TestADerivationIsFoundAmongAll(t *testing.T) {
	for _, o := range []tcryptimage.Options{
		{Hash: "sha1", Passphrase: "secret"},
		{Hash: "whirlpool", VeraCrypt: true, PIM: 1, Ciphers: "serpent-twofish-aes"},
	} {
		v, err := search(t.Context(), o, tcryptimage.Make(o), o.Trial())
		if err != nil || v.Derivation.Hash != o.Hash {
			t.Fatalf("%s: %+v, %v", o.Hash, v, err)
		}
		v.Close()
	}
}

func TestEveryPlaceOfAHeaderIsRead(t *testing.T) {
	for name, o := range map[string]tcryptimage.Options{
		"backup":           {Backup: true},
		"hidden":           {Hidden: 128 << 10},
		"hidden, backup":   {Hidden: 128 << 10, Backup: true},
		"hidden, old XTS":  {Hidden: 128 << 10, Version: 3},
		"hidden, old LRW":  {Hidden: 128 << 10, Version: 2, Mode: "lrw-benbi"},
		"hidden, old CBC":  {Hidden: 128 << 10, Version: 1, Mode: "cbc-tcw"},
		"old LRW":          {Version: 2, Mode: "lrw-benbi"},
		"large sectors":    {Sector: 4096},
		"version 4":        {Version: 4},
		"large and hidden": {Sector: 4096, Hidden: 256 << 10},
	} {
		t.Run(name, func(t *testing.T) {
			o.Passphrase = "secret"
			im := tcryptimage.Make(o)
			trial := o.Trial()
			trial.TrueCryptOnly = true
			v, err := search(t.Context(), o, im, trial)
			if err != nil {
				t.Fatal(err)
			}
			defer v.Close()
			readsAs(t, v, im)
			if int(v.Place.Offset) != im.At || v.Place.Hidden != (o.Hidden > 0) {
				t.Errorf("found at %+v, want %d", v.Place, im.At)
			}
		})
	}
}

func TestKeyFilesAndThePassphraseAreBothNeeded(t *testing.T) {
	long := strings.Repeat("passphrase ", 9)
	for _, passphrase := range []string{"", "secret", long} {
		o := tcryptimage.Options{
			Passphrase: passphrase, KeyFiles: []string{"one key file", strings.Repeat("another ", 1<<18)}, VeraCrypt: true, PIM: 1,
		}
		im := tcryptimage.Make(o)
		unlock(t, o, im)
		o.KeyFiles[0], o.KeyFiles[1] = o.KeyFiles[1], o.KeyFiles[0]
		unlock(t, o, im)
		wrong := o
		wrong.KeyFiles = o.KeyFiles[:1]
		trial := o.Trial()
		trial.Hash = "sha512"
		if _, err := search(t.Context(), wrong, im, trial); !errors.Is(err, tcrypt.ErrNoHeader) {
			t.Errorf("with one of two key files: %v", err)
		}
	}
}

// Mebibytes count of a key file, no more.
func TestOnlyTheFirstMebibyteOfAKeyFileCounts(t *testing.T) {
	content := strings.Repeat("x", 1<<20)
	var pools [3][]byte
	for i, text := range []string{content, content + "more", content[1:]} {
		p, err := tcrypt.Password(nil, []io.Reader{strings.NewReader(text)}, true)
		if err != nil {
			t.Fatal(err)
		}
		pools[i] = bytes.Clone(p.Bytes())
		p.Close()
	}
	if !bytes.Equal(pools[0], pools[1]) || bytes.Equal(pools[0], pools[2]) || len(pools[0]) != 64 {
		t.Errorf("%x", pools)
	}
}

func TestPassphrasesThatAreTooLongAreRefused(t *testing.T) {
	for _, v := range []struct {
		length, max int
		vera        bool
	}{{64, 0, false}, {65, 64, false}, {65, 0, true}, {128, 0, true}, {129, 128, true}} {
		_, err := tcrypt.Password(make([]byte, v.length), nil, v.vera)
		var long *tcrypt.LengthError
		if errors.As(err, &long) != (v.max > 0) || v.max > 0 && long.Max != v.max {
			t.Errorf("%+v: %v", v, err)
		}
	}
}
