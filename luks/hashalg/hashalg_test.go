// SPDX-License-Identifier: Apache-2.0

package hashalg

import (
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

// abc holds the digest of "abc" under every name.
var abc = map[string]string{
	"md5":         "900150983cd24fb0d6963f7d28e17f72",
	"sha1":        "a9993e364706816aba3e25717850c26c9cd0d89d",
	"sha224":      "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
	"sha256":      "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad",
	"sha384":      "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed8086072ba1e7cc2358baeca134c825a7",
	"sha512":      "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
	"sha512-224":  "4634270f707b6a54daae7530460842e20e37ed265ceee9a43e8924aa",
	"sha512-256":  "53048e2681941ef99b2e29b76b4c7dabe4c2d0c634fc6d46e0e2f13107e7af23",
	"sha3-224":    "e642824c3f8cf24ad09234ee7d3c766fc9a3a5168d0c94ad73b46fdf",
	"sha3-256":    "3a985da74fe225b2045c172d6bd390bd855f086e3e9d525b46bfe24511431532",
	"sha3-384":    "ec01498288516fc926459f58e2c6ad8df9b473cb0fc08c2596da7cf0e49be4b298d88cea927ac7f539f1edf228376d25",
	"sha3-512":    "b751850b1a57168a5693cd924b6b096e08f621827444f70d884f5d0240d2712e10e116e9192af3c91a7ec57647e3934057340b4cf408d5a56592f8274eec53f0",
	"ripemd160":   "8eb208f7e05d987a9b044a8e98c6b087f15a0bfc",
	"whirlpool":   "4e2448a4c6f486bb16b6562c73b4020bf3043e3a731bce721ae1b303d97e6d4c7181eebdb6c57e277d0e34957114cbd6c797fc9d95d8b582d225292076d4eef5",
	"sm3":         "66c7f0f462eeedd9d1f2d46bdc10e4e24167c4875cf2f7a2297da02b8f4ba8e0",
	"stribog512":  "28156e28317da7c98f4fe2bed6b542d0dab85bb224445fcedaf75d46e26d7eb8d5997f3e0915dd6b7f0aab08d9c8beb0d8c64bae2ab8b3c8c6bc53b3bf0db728",
	"blake2b-160": "384264f676f39536840523f284921cdc68b6846b",
	"blake2b-256": "bddd813c634239723171ef3fee98579b94964e3bb1cb3e427262c8c068d52319",
	"blake2b-384": "6f56a82c8e7ef526dfe182eb5212f7db9df1317e57815dbda46083fc30f54ee6c66ba83be64b302d7cba6ce15bb556f4",
	"blake2b-512": "ba80a53f981c4d0d6a2797b69f12f6e94c212f14685ac4b74b12bb6fdbffa2d17d87c5392aab792dc252d5de4533cc9518d38aa8dbf1925ab92386edd4009923",
	"blake2s-256": "508c5e8c327c14e2e1a72ba34eeb452f37458b209ed63a294d999b4c86675982",
}

func digest(t *testing.T, name, message string) string {
	t.Helper()
	h, err := New(name)
	if err != nil {
		t.Fatal(err)
	}
	for ; len(message) > 7; message = message[7:] { // in pieces
		h.Write([]byte(message[:7]))
	}
	h.Write([]byte(message))
	return hex.EncodeToString(h.Sum(nil))
}

func TestEveryHashGivesItsKnownAnswer(t *testing.T) {
	for name, want := range abc {
		if got := digest(t, name, "abc"); got != want {
			t.Errorf("%s: %s, want %s", name, got, want)
		}
		if size, err := Size(name); err != nil || size != len(want)/2 {
			t.Errorf("%s: size %d, %v", name, size, err)
		}
		if name != "md5" && !slices.Contains(Names(), name) {
			t.Errorf("%s is not in Names", name)
		}
	}
	if len(Names()) != len(abc)-1 {
		t.Errorf("Names has %d entries, want %d", len(Names()), len(abc)-1)
	}
}

// The vectors of ISO/IEC 10118-3:2004, which tell the final Whirlpool from its two forerunners.
func TestWhirlpoolIsTheStandardOne(t *testing.T) {
	for message, want := range map[string]string{
		"":                           "19fa61d75522a4669b44e39c1d2e1726c530232130d407f89afee0964997f7a73e83be698b288febcf88e3e03c4f0757ea8964e59b63d93708b138cc42a66eb3",
		"a":                          "8aca2602792aec6f11a67206531fb7d7f0dff59413145e6973c45001d0087b42d11bc645413aeff63a42391a39145a591a92200d560195e53b478584fdae231a",
		"message digest":             "378c84a4126e2dc6e56dcc7458377aac838d00032230f53ce1f5700c0ffb4d3b8421557659ef55c106b4b52ac5a4aaa692ed920052838f3362e86dbd37a8903e",
		"abcdefghijklmnopqrstuvwxyz": "f1d754662636ffe92c82ebb9212a484a8d38631ead4238f5442ee13b8054e41b08bf2a9251c30b6a0b8aae86177ab4a6f68f673e7207865d5d9819a3dba4eb3b",
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789": "dc37e008cf9ee69bf11f00ed9aba26901dd7c28cdec066cc6af42e40f82f3a1e08eba26629129d8fb7cb57211b9281a65517cc879d7b962142c65f5a7af01467",
		strings.Repeat("1234567890", 8):                                  "466ef18babb0154d25b9d38a6414f5c08784372bccb204d6549c4afadb6014294d5bd8df2a6c44e538cd047b2681a51a2c60481e88c5a20b2c2a80cf3a9a083b",
		"abcdbcdecdefdefgefghfghighijhijk":                               "2a987ea40f917061f5d6f0a0e4644f488a7a5a52deee656207c562f988e95c6916bdc8031bc5be1b7b947639fe050b56939baaa0adff9ae6745b7b181c3be3fd",
		strings.Repeat("a", 1e6):                                         "0c99005beb57eff50a7cf005560ddf5d29057fd86b20bfd62deca0f1ccea4af51fc15490eddc47af32bb2b66c34ff9ad8c6008ad677f77126953b226e4ed8b01",
	} {
		if got := digest(t, "whirlpool", message); got != want {
			t.Errorf("%.20q: %s, want %s", message, got, want)
		}
	}
}

// The second vector is that of the standard, the others are from OpenSSL.
func TestSM3PadsEveryLength(t *testing.T) {
	for message, want := range map[string]string{
		"":                         "1ab21d8355cfa17f8e61194831e81a8f22bec8c728fefb747ed035eb5082aa2b",
		strings.Repeat("abcd", 16): "debe9ff92275b8a138604889c18e5a4d6fdb70e5387e5765293dcba39c0c5732",
		strings.Repeat("a", 55):    "288337eef51eec62e7544d7270424c8dbe656254c99852870a73b2453a6a7fb1",
		strings.Repeat("a", 56):    "ba00ebedaab54065a5fd4f9f56326016203166bcee3eed44ea868d59d67aa3c8",
		strings.Repeat("a", 63):    "587308543551881ebd70d27ad358ff5dcdf24ac54822e2f7b7c3edce0985d21b",
		strings.Repeat("a", 200):   "a8da99c801bbd65ec00992ed5cbef851f275e98da9fb2d4f5be184f81473d5dd",
	} {
		if got := digest(t, "sm3", message); got != want {
			t.Errorf("%d bytes: %s, want %s", len(message), got, want)
		}
	}
}

// The vectors of RFC 6986, 10: one block and two.
func TestStreebogGivesTheAnswersOfItsSpecification(t *testing.T) {
	for message, want := range map[string]string{
		"012345678901234567890123456789012345678901234567890123456789012": "1b54d01a4af5b9d5cc3d86d68d285462b19abc2475222f35c085122be4ba1ffa00ad30f8767b3a82384c6574f024c311e2a481332b08ef7f41797891c1646f48",
		"\xd1\xe5 \xe2\xe5\xf2\xf0\xe8, \xd1\xf2\xf0\xe8\xe1\xee\xe6\xe8 \xe2\xed\xf3\xf6\xe8, \xe2\xe5\xfe\xf2\xfa \xf1 \xec\xee\xf0\xff \xf1\xf2\xf0\xe5\xeb\xe0\xec\xe8 \xed\xe0 \xf5\xf0\xe0\xe1\xf0\xfb\xff \xef\xeb\xfa\xea\xfb \xc8\xe3\xee\xf0\xe5\xe2\xfb": "1e88e62226bfca6f9994f1f2d51569e0daf8475a3b0fe61a5300eee46d961376035fe83549ada2b8620fcd7c496ce5b33f0cb9dddc2b6460143b03dabac9fb28",
	} {
		if got := digest(t, "streebog512", message); got != want {
			t.Errorf("%d bytes: %s, want %s", len(message), got, want)
		}
	}
}

func TestNamesAreFoundInAnyCaseAndUnderSecondNames(t *testing.T) {
	for alias, name := range map[string]string{
		"SHA256": "sha256", "Sha3-512": "sha3-512", "RIPEMD160": "ripemd160", "rmd160": "ripemd160",
		"sha2-256": "sha256", "SHA2-512/256": "sha512-256", "blake2b512": "blake2b-512", "blake2s256": "blake2s-256",
	} {
		if Canonical(alias) != name || digest(t, alias, "abc") != abc[name] {
			t.Errorf("%s is not %s", alias, name)
		}
	}
}

func TestUnknownNamesAreRefused(t *testing.T) {
	for _, name := range []string{"", "sha", "sha256 ", "sha257", "crc32", "blake2b", "plain", "null", "sha256\x00"} {
		_, err := New(name)
		var unknown *UnknownError
		if !errors.Is(err, ErrUnknown) || !errors.As(err, &unknown) || unknown.Name != name {
			t.Errorf("New(%q): %v", name, err)
		}
		if _, err := Size(name); !errors.Is(err, ErrUnknown) {
			t.Errorf("Size(%q): %v", name, err)
		}
	}
}

func TestMidstateReturnsToWhereItWasSaved(t *testing.T) {
	for name := range abc {
		h, err := New(name)
		if err != nil {
			t.Fatal(err)
		}
		h.Write([]byte("a"))
		m := Save(h)
		for range 3 {
			h.Write([]byte(strings.Repeat("noise", 50)))
			m.Restore()
			h.Write([]byte("bc"))
			if got := hex.EncodeToString(h.Sum(nil)); got != abc[name] {
				t.Fatalf("%s: %s, want %s", name, got, abc[name])
			}
		}
		m.Wipe()
		Wipe(h)
		if !reflect.ValueOf(h).Elem().IsZero() || !m.saved.IsZero() {
			t.Errorf("%s: state survives Wipe", name)
		}
	}
}

// Midstate copies structs, which is a copy of the state only if nothing in them points elsewhere.
func TestHashStatesHoldNoPointers(t *testing.T) {
	for name := range abc {
		h, err := New(name)
		if err != nil {
			t.Fatal(err)
		}
		if typ := reflect.TypeOf(h).Elem(); !flat(typ) {
			t.Errorf("%s: %v holds pointers", name, typ)
		}
	}
}

func flat(t reflect.Type) bool {
	switch t.Kind() {
	case reflect.Struct:
		for i := range t.NumField() {
			if !flat(t.Field(i).Type) {
				return false
			}
		}
		return true
	case reflect.Array:
		return flat(t.Elem())
	}
	return t.Kind() >= reflect.Bool && t.Kind() <= reflect.Complex128
}
