// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Handler knows one kind of token.
type Handler interface {
	// Type is the type that tokens of this kind have in the header.
	Type() string
	// Kind is a word for it, as "tpm2".
	Kind() string
	// Show lists what people may see of a token, a line each, without secrets: "Key description: x".
	Show(t luks2.Token) []string
	// Read holds a token's text against the rules and limits of its kind, from the text alone. The error is one of
	// ErrBroken, and what could be read comes with it. The kind is filled in by the function Read.
	Read(t luks2.Token) (Facts, error)
}

// Opener is a Handler whose tokens this program can use.
type Opener interface {
	Handler
	// Effort says what the token takes, from its text alone: nothing is touched.
	Effort(t luks2.Token) Effort
	// Passphrase gets the passphrase of the token's keyslots, which the caller closes. It may be asked
	// again, for instance after a PIN that was wrong. Errors are of the kinds below, those of what is
	// behind the token, or the context's; a call that hangs is left to itself by those who have others
	// to ask.
	Passphrase(ctx context.Context, t luks2.Token, help Help) (*secret.Buffer, error)
}

// Effort is what it takes to get a passphrase from a token.
type Effort int

// The efforts.
const (
	Instant  Effort = iota // it answers at once, so it is tried before anybody is asked
	Patient                // it waits for a device or a network, beside other ways
	Attended               // somebody has to be there: a PIN, a touch
)

// Help is what a handler may need beside the token. Each member may be nil.
type Help struct {
	// Ask gets a PIN or another answer from people. The error is the front end's.
	Ask func(ctx context.Context, q Question) (*secret.Buffer, error)
	// Say shows people a line, such as that a key is to be touched.
	Say func(text string)
	// Option is the value that a volume's options, as those of crypttab, have for a name such as
	// "tpm2-device".
	Option func(name string) (value string, given bool)
	// Network lets servers be asked that a header names.
	Network bool
	// Patience is how long to wait for a device that is not there yet; 0 for not at all.
	Patience time.Duration
}

// Question is one for people.
type Question struct {
	Token int    // id
	Title string // "PIN of the TPM for keyslot 1", without colon
	Left  int    // tries that are left, 0 where that is not known
}

// The kinds of failure to get a passphrase.
var (
	ErrNotUsed = errors.New("this program does not use tokens of this type")
	ErrAbsent  = errors.New("what the token needs is not there") // a key, a device, a server
	ErrBroken  = errors.New("malformed token")
)

// TypeError says that tokens of a type are kept and shown, and not used.
type TypeError struct{ Type string }

func (e *TypeError) Error() string { return fmt.Sprintf("%v: %s", ErrNotUsed, e.Type) }

func (e *TypeError) Unwrap() error { return ErrNotUsed }

// For returns the handler of a token's type.
func For(t luks2.Token) (Handler, bool) {
	for _, h := range table {
		if h.Type() == t.Type {
			return h, true
		}
	}
	return nil, false
}

// Show lists what people may see of a token; nothing where its type is unknown.
func Show(t luks2.Token) []string {
	if h, known := For(t); known {
		return h.Show(t)
	}
	return nil
}

// OpenerFor returns the handler of a token that can be used. The error is a TypeError.
func OpenerFor(t luks2.Token) (Opener, error) {
	h, _ := For(t)
	if o, usable := h.(Opener); usable {
		return o, nil
	}
	return nil, &TypeError{t.Type}
}
