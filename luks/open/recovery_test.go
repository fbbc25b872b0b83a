// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// Made by systemd-cryptenroll 257.
const recoveryKey = "ghdtrgkf-vidvjrcd-ddtikiuf-jjdkrnuj-khhvjrbr-vgdgnnnf-cgtdcite-jtegvcfr"

func TestATypedRecoveryKeyIsTriedInItsOwnSpelling(t *testing.T) {
	bare := strings.ReplaceAll(recoveryKey, "-", "")
	for name, c := range map[string]struct {
		typed    string
		recovery []int
		opens    string // what is the passphrase, and where
		want     []string
	}{
		"as it was shown":       {recoveryKey, []int{3}, "-1 " + recoveryKey, []string{"-1 " + recoveryKey}},
		"without dashes":        {bare, []int{3}, "3 " + recoveryKey, []string{"3 " + recoveryKey}},
		"in capitals":           {strings.ToUpper(recoveryKey), []int{1, 3}, "3 " + recoveryKey, []string{"1 " + recoveryKey, "3 " + recoveryKey}},
		"its token is gone":     {bare, nil, "-1 " + recoveryKey, []string{"-1 " + bare, "-1 " + recoveryKey}},
		"it is a passphrase":    {bare, []int{3}, "-1 " + bare, []string{"3 " + recoveryKey, "-1 " + bare}},
		"nothing opens":         {bare, []int{3}, "", []string{"3 " + recoveryKey, "-1 " + bare, "-1 " + recoveryKey}},
		"an ordinary one":       {"passphrase", []int{3}, "-1 passphrase", []string{"-1 passphrase"}},
		"an ordinary wrong one": {"passphrase", []int{3}, "", []string{"-1 passphrase"}},
	} {
		var tried []string
		var given []*secret.Buffer
		err := Typed(t.Context(), func(_ context.Context, s Secret) error {
			text := fmt.Sprintf("%d %s", s.Keyslot, s.Bytes())
			tried, given = append(tried, text), append(given, s.Buffer)
			if !s.Typed {
				t.Errorf("%s: %s is not known to have been typed", name, text)
			}
			if err := s.Close(); err != nil {
				return err
			}
			if text == c.opens {
				return nil
			}
			return luks.ErrPassphrase
		}, typedSecret(t, c.typed, &given), c.recovery)
		if !slices.Equal(tried, c.want) || (err == nil) != (c.opens != "") || err != nil && !errors.Is(err, luks.ErrPassphrase) {
			t.Errorf("%s: tried %q, %v", name, tried, err)
		}
		for _, b := range given {
			if b.Bytes() != nil {
				t.Errorf("%s: a secret is left", name)
			}
		}
	}
}

func typedSecret(t *testing.T, text string, given *[]*secret.Buffer) Secret {
	t.Helper()
	b, err := secret.Copy([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	*given = append(*given, b)
	s := Passphrase(b)
	s.Typed = true
	return s
}

func TestAnErrorThatIsNoWrongPassphraseIsNotTriedAgain(t *testing.T) {
	broken := errors.New("broken")
	calls := 0
	var given []*secret.Buffer
	err := Typed(t.Context(), func(_ context.Context, s Secret) error {
		calls++
		return errors.Join(broken, s.Close())
	}, typedSecret(t, strings.ToUpper(recoveryKey), &given), nil)
	if !errors.Is(err, broken) || calls != 1 {
		t.Errorf("%d attempts, %v", calls, err)
	}
}
