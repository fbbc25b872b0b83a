// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"errors"
	"fmt"
)

// The kinds of failure.
var (
	// ErrAbsent: there is no TPM 2.0.
	ErrAbsent = errors.New("there is no TPM 2.0")
	// ErrState: the machine is in another state than the one that the policy wants.
	ErrState = errors.New("the system is in another state than at enrolment")
	// ErrAuth: the PIN is wrong.
	ErrAuth = errors.New("the PIN is wrong")
	// ErrLockedOut: the TPM takes no PIN for a while.
	ErrLockedOut = errors.New("the TPM is locked after too many wrong PINs")
	// ErrForeign: the object is not of this TPM.
	ErrForeign = errors.New("it was sealed by another TPM, or the TPM was cleared since")
	// ErrNoKey: there is no key at a handle.
	ErrNoKey = errors.New("the TPM's storage key is gone: the TPM was cleared")
	// ErrFull: there is no room in the TPM.
	ErrFull = errors.New("the TPM has no room left; another program may keep it in use")
	// ErrOwner: the owner's password is set.
	ErrOwner = errors.New("the TPM's owner has set a password")
	// ErrAnswer: what came is no answer to what was asked.
	ErrAnswer = errors.New("the TPM's answer is malformed")
	// ErrForged: an answer came without proof that it is the TPM's.
	ErrForged = errors.New("the answer is not the TPM's: somebody stands between")
	// ErrUnsupported: an algorithm or kind of key that is not known.
	ErrUnsupported = errors.New("not a kind of key that is understood")
)

// AnswerError is a TPM's refusal.
type AnswerError struct {
	Command string // "Unseal"
	Code    uint32 // TPM_RC
	kind    error  // nil for a code that says no more
}

func (e *AnswerError) Error() string {
	if e.kind != nil {
		return fmt.Sprintf("%v (TPM2_%s: 0x%x)", e.kind, e.Command, e.Code)
	}
	return fmt.Sprintf("TPM2_%s failed with 0x%x", e.Command, e.Code)
}

func (e *AnswerError) Unwrap() error { return e.kind }

// The results that are of use (Part 2, 6.6). Those of format 1 are without the number of the parameter, session or
// handle that they are about.
const (
	resultInitialized = 0x100
	resultAuthMissing = 0x125
	resultPCRChanged  = 0x128
	resultRetry       = 0x922
	resultYielded     = 0x908
	resultTesting     = 0x90a
	resultLockout     = 0x921
	formatOne         = 0x80
)

var kinds = map[uint32]error{
	0x9d: ErrState, 0x8e: ErrAuth, 0xa2: ErrAuth, resultLockout: ErrLockedOut, 0x9f: ErrForeign, 0x8b: ErrNoKey,
	0x902: ErrFull, 0x903: ErrFull, 0x904: ErrFull,
}

// plain is a result without what it is about.
func plain(code uint32) uint32 {
	if code&formatOne != 0 {
		return code & 0xbf
	}
	return code
}

func answerError(command string, code uint32) error {
	return &AnswerError{command, code, kinds[plain(code)]}
}

// is tells whether an error is a TPM's refusal with this result.
func is(err error, code uint32) bool {
	var refusal *AnswerError
	return errors.As(err, &refusal) && plain(refusal.Code) == code
}
