// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// piped is a run without a terminal, with text on standard input.
func piped(t *testing.T, text string, options cli.Options) (*verb.Command, *strings.Builder) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { in.Close() })
	if _, err := out.WriteString(text); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	return verb.NewCommand(&cli.Invocation{Options: options}, &ui.UI{In: in, Out: &said, Err: &said}), &said
}

func TestAPassphraseOnAPipeIsNoAnswerToAToken(t *testing.T) {
	c, _ := piped(t, "passphrase\n", cli.Options{})
	if _, err := TokenHelp(c).Ask(t.Context(), token.Question{Title: "PIN"}); !errors.Is(err, errNobody) {
		t.Errorf("%v", err)
	}
	rest, err := c.UI.Secret(t.Context(), ui.Request{})
	if err != nil || string(rest.Bytes()) != "passphrase" {
		t.Errorf("the passphrase is gone: %v", err)
	}
	if err := rest.Close(); err != nil {
		t.Error(err)
	}
}

func TestWithTokensOnlyEachLineOfAPipeAnswers(t *testing.T) {
	c, _ := piped(t, "1234\n5678\n", cli.Options{TokenOnly: true})
	for _, want := range []string{"1234", "5678"} {
		pin, err := TokenHelp(c).Ask(t.Context(), token.Question{Title: "PIN", Left: 2})
		if err != nil || string(pin.Bytes()) != want {
			t.Fatalf("%v", err)
		}
		if err := pin.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatATokenSaysIsShown(t *testing.T) {
	c, said := piped(t, "", cli.Options{})
	TokenHelp(c).Say("Touch the key\x1b.")
	if got := said.String(); !strings.HasPrefix(got, "Touch the key") || strings.Contains(got, "\x1b") {
		t.Errorf("%q", got)
	}
}
