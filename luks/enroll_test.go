// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token"
)

func enroll(t *testing.T, v *luks.Volume, passphrase string) (keyslot, id int) {
	t.Helper()
	keyslot, id, err := v.Enroll(ctx, unlock(t, v, "one"), []byte(passphrase), cheap, token.NewRecovery())
	if err != nil {
		t.Fatal(err)
	}
	return keyslot, id
}

func TestAKeyslotIsEnrolledWithItsTokenInOneCommit(t *testing.T) {
	dev, v := formatted(t, 2)
	before := v.Choice.Copy.Header.SeqID
	keyslot, id := enroll(t, v, "recovery")
	tok, err := v.Metadata().Token(id)
	if err != nil || tok.Type != token.TypeRecovery || !slices.Equal(tok.Keyslots, []int{keyslot}) {
		t.Errorf("token %d is %v, %v", id, tok, err)
	}
	if after := v.Choice.Copy.Header.SeqID; after != before+1 || !opens(t, dev, "recovery") {
		t.Errorf("%d commits, or it does not open", after-before)
	}
}

func TestKeyslotsAreTakenBackWithTheirTokensInOneCommit(t *testing.T) {
	dev, v := formatted(t, 2)
	a, _ := enroll(t, v, "two")
	b, _ := enroll(t, v, "three")
	shared := fmt.Sprintf(`{"type":"systemd-recovery","keyslots":["0","%d"]}`, a)
	id, err := v.SetToken(ctx, luks.AnyKeyslot, []byte(shared))
	if err != nil {
		t.Fatal(err)
	}
	before := v.Choice.Copy.Header.SeqID
	if err := v.Disenroll(ctx, []int{a, b}, nil, token.Marks); err != nil {
		t.Fatal(err)
	}
	tokens := v.Metadata().Tokens()
	if len(tokens) != 1 || tokens[0].ID != id || !slices.Equal(tokens[0].Keyslots, []int{0}) {
		t.Errorf("tokens are %v", tokens)
	}
	if after := v.Choice.Copy.Header.SeqID; after != before+1 {
		t.Errorf("%d commits", after-before)
	}
	if !opens(t, dev, "one") || opens(t, dev, "two") || opens(t, dev, "three") {
		t.Error("the wrong keyslots are gone")
	}
}

func TestWhatSomebodyNeedsIsNotTakenBack(t *testing.T) {
	for name, c := range map[string]struct {
		ids   []int
		other string // text of a token that is set first; empty for none
		marks func(luks2.Token) bool
		want  error
		at    int
	}{
		"all keyslots":                    {[]int{0, 1}, "", nil, luks.ErrLastKey, 0},
		"all keyslots, in another order":  {[]int{1, 0}, "", token.Marks, luks.ErrLastKey, 1},
		"the last that is typed":          {[]int{0}, `{"type":"systemd-tpm2","keyslots":["1"]}`, token.Marks, luks.ErrNobody, 0},
		"the last that is typed, by word": {[]int{0}, `{"type":"systemd-tpm2","keyslots":["1"]}`, nil, nil, 0},
		"all but a recovery key":          {[]int{0}, "", token.Marks, nil, 0},
		"one that is not there":           {[]int{1, 5}, "", token.Marks, luks.ErrKeyslotInactive, 5},
	} {
		dev, v := formatted(t, 2)
		enroll(t, v, "two")
		if c.other != "" {
			if _, err := v.SetToken(ctx, luks.AnyKeyslot, []byte(c.other)); err != nil {
				t.Fatal(err)
			}
		}
		before := bytes.Clone(dev.image)
		err := v.Disenroll(ctx, c.ids, nil, c.marks)
		var at *luks.KeyslotError
		if !errors.Is(err, c.want) || c.want != nil && (!errors.As(err, &at) || at.Keyslot != c.at) {
			t.Errorf("%s: %v", name, err)
		}
		if c.want != nil && !bytes.Equal(before, dev.image) {
			t.Errorf("%s: something was written", name)
		}
	}
}

// Two programs that each leave the other's keyslot: one of them finds out under the lock.
func TestTwoAtOnceDoNotTakeBackEachOthersLastKey(t *testing.T) {
	dev, v := formatted(t, 2)
	enroll(t, v, "two")
	other, err := luks.Load(ctx, dev)
	if err != nil {
		t.Fatal(err)
	}
	if err := v.Disenroll(ctx, []int{0}, nil, token.Marks); err != nil {
		t.Fatal(err)
	}
	if err := other.Disenroll(ctx, []int{1}, nil, nil); !errors.Is(err, luks.ErrLastKey) {
		t.Errorf("error %v", err)
	}
	if err := other.Disenroll(ctx, []int{0}, nil, nil); !errors.Is(err, luks.ErrKeyslotInactive) {
		t.Errorf("error %v", err)
	}
	if !opens(t, dev, "two") {
		t.Error("nothing opens")
	}
}

func TestWithoutRoomForATokenThereIsNoKeyslot(t *testing.T) {
	dev, v := formatted(t, 2)
	for range luks2.MaxTokens {
		if _, err := v.SetToken(ctx, luks.AnyKeyslot, []byte(`{"type":"x","keyslots":[]}`)); err != nil {
			t.Fatal(err)
		}
	}
	before := bytes.Clone(dev.image)
	_, _, err := v.Enroll(ctx, unlock(t, v, "one"), []byte("two"), cheap, token.NewRecovery())
	if !errors.Is(err, luks.ErrTokensFull) || !bytes.Equal(before, dev.image) {
		t.Errorf("error %v, or something was written", err)
	}
}

func TestLUKS1HasNoTokensToEnrol(t *testing.T) {
	_, v := formatted(t, 1)
	if _, _, err := v.Enroll(ctx, unlock(t, v, "one"), []byte("two"), cheap, token.NewRecovery()); !errors.Is(err, luks.ErrUnsupported) {
		t.Errorf("enrolling: %v", err)
	}
	if err := v.Disenroll(ctx, []int{0}, nil, nil); !errors.Is(err, luks.ErrUnsupported) {
		t.Errorf("taking back: %v", err)
	}
}
