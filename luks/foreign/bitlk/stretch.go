// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// rounds is how often the hash is taken, which no volume has otherwise.
const rounds = 1 << 20

// atATime is how many rounds go by before the context is looked at.
const atATime = 1 << 14

// stretch derives the key that opens a VMK: state is the last hash, the first one, the salt and a counter. The error
// is the context's.
func stretch(ctx context.Context, initial []byte, salt [16]byte) (*secret.Buffer, error) {
	state, err := secret.New(32 + 32 + 16 + 8)
	if err != nil {
		return nil, err
	}
	defer state.Close()
	s := state.Bytes()
	copy(s[32:], initial)
	copy(s[64:], salt[:])
	var sum [sha256.Size]byte
	defer secret.Wipe(sum[:])
	for n := range uint64(rounds) {
		if n%atATime == 0 && ctx.Err() != nil {
			return nil, ctx.Err()
		}
		binary.LittleEndian.PutUint64(s[80:], n)
		sum = sha256.Sum256(s)
		copy(s, sum[:])
	}
	return secret.Copy(s[:32])
}

// twice is where the stretching of a passphrase begins: the hash of the hash of its UTF-16.
func twice(units []byte) (*secret.Buffer, error) {
	first := sha256.Sum256(units)
	second := sha256.Sum256(first[:])
	secret.Wipe(first[:])
	return secret.From(second[:])
}

// utf16LE turns UTF-8 into UTF-16, up to a NUL, of which own bytes are the text's; behind it there are zeros, two bytes
// for each byte of p in all. Bytes that are no UTF-8 become units of their own, as cryptsetup has it on the
// processors that extend their sign.
func utf16LE(p []byte) (units *secret.Buffer, own int, err error) {
	if units, err = secret.New(2 * len(p)); err != nil {
		return nil, 0, err
	}
	to := units.Bytes()
	for len(p) > 0 && p[0] != 0 {
		r, n := utf8.DecodeRune(p)
		if r == utf8.RuneError && n == 1 {
			r = 0xff00 | rune(p[0])
		}
		if r > 0xffff {
			high, low := utf16.EncodeRune(r)
			to = putUnit(to, high)
			r = low
		}
		to = putUnit(to, r)
		p = p[n:]
	}
	return units, units.Len() - len(to), nil
}

func putUnit(to []byte, unit rune) []byte {
	binary.LittleEndian.PutUint16(to, uint16(unit))
	return to[2:]
}

// The form of a recovery password: groups of digits, each 11 times a 16-bit number.
const (
	recoveryGroups = 8
	recoveryDigits = 6
)

// ofRecovery is where the stretching of a recovery password begins: the hash of its eight numbers. nil for what is
// none. Between the groups there may be a dash, blanks or nothing, and a newline at the end.
func ofRecovery(password []byte) (*secret.Buffer, error) {
	numbers, err := secret.New(2 * recoveryGroups)
	if err != nil {
		return nil, err
	}
	defer numbers.Close()
	for i := range recoveryGroups {
		if i > 0 {
			password = withoutSeparator(password)
		}
		number, ok := recoveryNumber(password)
		if !ok {
			return nil, nil
		}
		binary.LittleEndian.PutUint16(numbers.Bytes()[2*i:], number)
		password = password[recoveryDigits:]
	}
	if len(password) == 1 && password[0] == '\n' {
		password = nil
	}
	if len(password) > 0 {
		return nil, nil
	}
	sum := sha256.Sum256(numbers.Bytes())
	return secret.From(sum[:])
}

// withoutSeparator takes one dash away, with blanks around it.
func withoutSeparator(p []byte) []byte {
	dashed := false
	for len(p) > 0 && (p[0] == ' ' || p[0] == '-' && !dashed) {
		dashed = dashed || p[0] == '-'
		p = p[1:]
	}
	return p
}

// recoveryNumber reads one group.
func recoveryNumber(p []byte) (uint16, bool) {
	if len(p) < recoveryDigits {
		return 0, false
	}
	n := 0
	for _, c := range p[:recoveryDigits] {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return uint16(n / 11), n%11 == 0 && n/11 < 1<<16
}
