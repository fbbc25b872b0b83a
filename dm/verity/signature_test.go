// SPDX-License-Identifier: Apache-2.0

package verity_test

import (
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/verity"
)

func TestSignaturePartitionsAreRead(t *testing.T) {
	const text = `{"rootHash":"00FFab","certificateFingerprint":"aa","signature":"AQID"}`
	got, err := verity.ParseSignature(append([]byte(text), make([]byte, 4096)...))
	if err != nil || string(got.RootHash) != "\x00\xff\xab" || got.Fingerprint != "aa" ||
		string(got.PKCS7) != "\x01\x02\x03" {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestWhatIsNoSignaturePartitionIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "\x00{}", "{}", `{"rootHash":"0g","signature":"AQID"}`, `{"rootHash":"00","signature":""}`,
		`{"rootHash":"00","signature":"?"}`, `{"rootHash":"","signature":"AQID"}`, `["rootHash"]`,
	} {
		if got, err := verity.ParseSignature([]byte(text)); !errors.Is(err, verity.ErrNoSignature) {
			t.Errorf("%q: %+v, %v", text, got, err)
		}
	}
}

func FuzzSignature(f *testing.F) {
	f.Add([]byte(`{"rootHash":"00FFab","certificateFingerprint":"aa","signature":"AQID"}` + "\x00\x00"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		got, err := verity.ParseSignature(raw)
		if err == nil && (len(got.RootHash) == 0 || len(got.PKCS7) == 0) {
			t.Errorf("%+v", got)
		}
	})
}
