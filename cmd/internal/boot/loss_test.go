// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/open"
)

func TestTheMostTellingLossIsTold(t *testing.T) {
	other := errors.New("other")
	for _, c := range []struct {
		all  []error
		want error
	}{
		{[]error{keyring.ErrNoKey, other, open.ErrNoSource}, other},
		{[]error{keyring.ErrNoKey, nil, open.ErrNoSource}, open.ErrNoSource},
		{[]error{other, errors.Join(ErrTries, luks.ErrPassphrase), kdf.ErrMemory}, ErrTries},
		{[]error{luks.ErrPassphrase, kdf.ErrMemory}, kdf.ErrMemory},
	} {
		var l losses
		for _, err := range c.all {
			l.add(err)
		}
		if got := l.worst(); !errors.Is(got, c.want) {
			t.Errorf("%v: %v, want %v", c.all, got, c.want)
		}
	}
}

func TestKeptPassphrasesAreNotRepeated(t *testing.T) {
	fresh, err := secret.From([]byte("new"))
	if err != nil {
		t.Fatal(err)
	}
	all, err := merged(fresh, []byte("old\x00new\x00\x00older"))
	if err != nil {
		t.Fatal(err)
	}
	defer all.Close()
	if string(all.Bytes()) != "new\x00old\x00older" {
		t.Errorf("%q", all.Bytes())
	}
}
