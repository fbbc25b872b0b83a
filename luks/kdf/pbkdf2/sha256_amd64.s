// SPDX-License-Identifier: Apache-2.0

//go:build !purego

#include "textflag.h"

// SHA-256's round constants.
DATA constants<>+0(SB)/8, $0x71374491428a2f98
DATA constants<>+8(SB)/8, $0xe9b5dba5b5c0fbcf
DATA constants<>+16(SB)/8, $0x59f111f13956c25b
DATA constants<>+24(SB)/8, $0xab1c5ed5923f82a4
DATA constants<>+32(SB)/8, $0x12835b01d807aa98
DATA constants<>+40(SB)/8, $0x550c7dc3243185be
DATA constants<>+48(SB)/8, $0x80deb1fe72be5d74
DATA constants<>+56(SB)/8, $0xc19bf1749bdc06a7
DATA constants<>+64(SB)/8, $0xefbe4786e49b69c1
DATA constants<>+72(SB)/8, $0x240ca1cc0fc19dc6
DATA constants<>+80(SB)/8, $0x4a7484aa2de92c6f
DATA constants<>+88(SB)/8, $0x76f988da5cb0a9dc
DATA constants<>+96(SB)/8, $0xa831c66d983e5152
DATA constants<>+104(SB)/8, $0xbf597fc7b00327c8
DATA constants<>+112(SB)/8, $0xd5a79147c6e00bf3
DATA constants<>+120(SB)/8, $0x1429296706ca6351
DATA constants<>+128(SB)/8, $0x2e1b213827b70a85
DATA constants<>+136(SB)/8, $0x53380d134d2c6dfc
DATA constants<>+144(SB)/8, $0x766a0abb650a7354
DATA constants<>+152(SB)/8, $0x92722c8581c2c92e
DATA constants<>+160(SB)/8, $0xa81a664ba2bfe8a1
DATA constants<>+168(SB)/8, $0xc76c51a3c24b8b70
DATA constants<>+176(SB)/8, $0xd6990624d192e819
DATA constants<>+184(SB)/8, $0x106aa070f40e3585
DATA constants<>+192(SB)/8, $0x1e376c0819a4c116
DATA constants<>+200(SB)/8, $0x34b0bcb52748774c
DATA constants<>+208(SB)/8, $0x4ed8aa4a391c0cb3
DATA constants<>+216(SB)/8, $0x682e6ff35b9cca4f
DATA constants<>+224(SB)/8, $0x78a5636f748f82ee
DATA constants<>+232(SB)/8, $0x8cc7020884c87814
DATA constants<>+240(SB)/8, $0xa4506ceb90befffa
DATA constants<>+248(SB)/8, $0xc67178f2bef9a3f7
GLOBL constants<>(SB), RODATA|NOPTR, $256

// The rest of every message of 32 bytes behind a padded key of 64: a one bit, zeros, the length in bits.
DATA padding<>+0(SB)/8, $0x0000000080000000
DATA padding<>+8(SB)/8, $0
DATA padding<>+16(SB)/8, $0
DATA padding<>+24(SB)/8, $0x0000030000000000
GLOBL padding<>(SB), RODATA|NOPTR, $32

// X1 and X2 hold the state in the order that the instructions want, f e b a and h g d c; X3-X6 hold
// the last sixteen words of the message schedule.

// ROUNDS does four rounds with the words in m.
#define ROUNDS(constant, m) \
	MOVO        m, X0 \
	PADDD       constant(AX), X0 \
	SHA256RNDS2 X0, X1, X2 \
	PSHUFD      $0x0E, X0, X0 \
	SHA256RNDS2 X0, X2, X1

// EXTEND completes the next four words of the schedule.
#define EXTEND(previous, current, next) \
	MOVO       current, X7 \
	PALIGNR    $4, previous, X7 \
	PADDD      X7, next \
	SHA256MSG2 current, next

// HASH replaces the words in X3 and X4 by the digest of what the saved state stands for followed by them.
#define HASH(saved1, saved2) \
	MOVO       saved1, X1 \
	MOVO       saved2, X2 \
	MOVOU      padding<>+0(SB), X5 \
	MOVOU      padding<>+16(SB), X6 \
	ROUNDS(0, X3) \
	ROUNDS(16, X4) \
	SHA256MSG1 X4, X3 \
	ROUNDS(32, X5) \
	SHA256MSG1 X5, X4 \
	ROUNDS(48, X6) \
	EXTEND(X5, X6, X3) \
	SHA256MSG1 X6, X5 \
	ROUNDS(64, X3) \
	EXTEND(X6, X3, X4) \
	SHA256MSG1 X3, X6 \
	ROUNDS(80, X4) \
	EXTEND(X3, X4, X5) \
	SHA256MSG1 X4, X3 \
	ROUNDS(96, X5) \
	EXTEND(X4, X5, X6) \
	SHA256MSG1 X5, X4 \
	ROUNDS(112, X6) \
	EXTEND(X5, X6, X3) \
	SHA256MSG1 X6, X5 \
	ROUNDS(128, X3) \
	EXTEND(X6, X3, X4) \
	SHA256MSG1 X3, X6 \
	ROUNDS(144, X4) \
	EXTEND(X3, X4, X5) \
	SHA256MSG1 X4, X3 \
	ROUNDS(160, X5) \
	EXTEND(X4, X5, X6) \
	SHA256MSG1 X5, X4 \
	ROUNDS(176, X6) \
	EXTEND(X5, X6, X3) \
	SHA256MSG1 X6, X5 \
	ROUNDS(192, X3) \
	EXTEND(X6, X3, X4) \
	SHA256MSG1 X3, X6 \
	ROUNDS(208, X4) \
	EXTEND(X3, X4, X5) \
	ROUNDS(224, X5) \
	EXTEND(X4, X5, X6) \
	ROUNDS(240, X6) \
	PADDD      saved1, X1 \
	PADDD      saved2, X2 \
	PSHUFD     $0x1B, X1, X4 \
	PSHUFD     $0xB1, X2, X2 \
	MOVO       X4, X3 \
	PBLENDW    $0xF0, X2, X3 \
	PALIGNR    $8, X4, X2 \
	MOVO       X2, X4

// LOADSTATE loads a state of eight words in their usual order.
#define LOADSTATE(p, x1, x2) \
	MOVOU   0(p), x1 \
	MOVOU   16(p), x2 \
	PSHUFD  $0xB1, x1, x1 \
	PSHUFD  $0x1B, x2, x2 \
	MOVO    x1, X7 \
	PALIGNR $8, x2, x1 \
	PBLENDW $0xF0, X7, x2

// func iterateSHANI(inner, outer, u, t *[8]uint32, n uint64)
TEXT ·iterateSHANI(SB), NOSPLIT, $0-40
	MOVQ  inner+0(FP), SI
	MOVQ  outer+8(FP), DI
	MOVQ  u+16(FP), R8
	MOVQ  t+24(FP), R9
	MOVQ  n+32(FP), CX
	LEAQ  constants<>(SB), AX
	LOADSTATE(SI, X10, X11)
	LOADSTATE(DI, X12, X13)
	MOVOU 0(R8), X3
	MOVOU 16(R8), X4
	MOVOU 0(R9), X8
	MOVOU 16(R9), X9
	TESTQ CX, CX
	JZ    done

next:
	HASH(X10, X11)
	HASH(X12, X13)
	PXOR X3, X8
	PXOR X4, X9
	DECQ CX
	JNZ  next

done:
	MOVOU X3, 0(R8)
	MOVOU X4, 16(R8)
	MOVOU X8, 0(R9)
	MOVOU X9, 16(R9)
	RET

// func hasSHANI() bool
TEXT ·hasSHANI(SB), NOSPLIT, $0-1
	MOVL $0, AX
	CPUID
	CMPL AX, $7
	JB   without
	MOVL $7, AX
	MOVL $0, CX
	CPUID
	SHRL $29, BX
	ANDL $1, BX
	MOVB BX, ret+0(FP)
	RET

without:
	MOVB $0, ret+0(FP)
	RET
