// SPDX-License-Identifier: Apache-2.0

// Package tpm speaks with a TPM 2.0: as much as sealing and unsealing takes. It knows no tokens and no volumes.
//
// A command and its answer, all numbers big-endian (TCG TPM 2.0 Library Specification, Part 1, chapter 18):
//
//	command  tag 2 | size 4 | code 4 | handles 4 each | [size 4 | authorisations] | parameters
//	answer   tag 2 | size 4 | result 4 | [handle 4] | [size 4] | parameters | [authorisations]
//	authorisation of a command    session 4 | |nonce| | attributes 1 | |HMAC|
//	authorisation of an answer    |nonce| | attributes 1 | |HMAC|
//
// tag is 8001, or 8002 with authorisations. |x| is x with its length, 2 bytes, in front (TPM2B).
//
// Whoever can read the wires between processor and TPM gets nothing: a session is salted, that is, its key comes from
// a secret that only the TPM can decrypt, and encrypts the first parameter of a command or an answer with AES-128 in
// CFB mode. What the salt is encrypted to should be a public key that is known from before; see Parent. Whoever
// answers in the TPM's place must know the session's key, too, so that every answer is checked.
package tpm
