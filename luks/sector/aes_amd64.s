// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// ROUND8 puts eight blocks in X0 to X7 through one round with the key in X8.
#define ROUND8(op) \
	op X8, X0; \
	op X8, X1; \
	op X8, X2; \
	op X8, X3; \
	op X8, X4; \
	op X8, X5; \
	op X8, X6; \
	op X8, X7

#define LOAD8 \
	MOVOU 0x00(SI), X0; \
	MOVOU 0x10(SI), X1; \
	MOVOU 0x20(SI), X2; \
	MOVOU 0x30(SI), X3; \
	MOVOU 0x40(SI), X4; \
	MOVOU 0x50(SI), X5; \
	MOVOU 0x60(SI), X6; \
	MOVOU 0x70(SI), X7

#define STORE8 \
	MOVOU X0, 0x00(DI); \
	MOVOU X1, 0x10(DI); \
	MOVOU X2, 0x20(DI); \
	MOVOU X3, 0x30(DI); \
	MOVOU X4, 0x40(DI); \
	MOVOU X5, 0x50(DI); \
	MOVOU X6, 0x60(DI); \
	MOVOU X7, 0x70(DI)

// BLOCKS is the body of aesEncrypt and aesDecrypt: eight blocks at a time, then one at a time.
// AX: keys, BX: rounds, CX: address of the round key in use, R10: rounds left.
#define BLOCKS(op, oplast) \
	MOVQ  keys+0(FP), AX; \
	MOVQ  rounds+8(FP), BX; \
	MOVQ  dst+16(FP), DI; \
	MOVQ  src+24(FP), SI; \
	MOVQ  blocks+32(FP), R8; \
	SUBQ  $8, R8; \
	JL    few; \
eight: \
	LOAD8; \
	MOVOU (AX), X8; \
	ROUND8(PXOR); \
	LEAQ  16(AX), CX; \
	LEAQ  -1(BX), R10; \
rounds8: \
	MOVOU (CX), X8; \
	ROUND8(op); \
	ADDQ  $16, CX; \
	DECQ  R10; \
	JNZ   rounds8; \
	MOVOU (CX), X8; \
	ROUND8(oplast); \
	STORE8; \
	ADDQ  $128, SI; \
	ADDQ  $128, DI; \
	SUBQ  $8, R8; \
	JGE   eight; \
few: \
	ADDQ  $8, R8; \
	JZ    done; \
one: \
	MOVOU (SI), X0; \
	MOVOU (AX), X8; \
	PXOR  X8, X0; \
	LEAQ  16(AX), CX; \
	LEAQ  -1(BX), R10; \
rounds1: \
	MOVOU (CX), X8; \
	op    X8, X0; \
	ADDQ  $16, CX; \
	DECQ  R10; \
	JNZ   rounds1; \
	MOVOU (CX), X8; \
	oplast X8, X0; \
	MOVOU X0, (DI); \
	ADDQ  $16, SI; \
	ADDQ  $16, DI; \
	DECQ  R8; \
	JNZ   one; \
done: \
	RET

// func cpuidLeaf7() uint32
TEXT ·cpuidLeaf7(SB), NOSPLIT, $0-4
	MOVL  $7, AX
	XORL  CX, CX
	CPUID
	MOVL  CX, ret+0(FP)
	RET

// func subWord(w uint32) uint32
//
// AESKEYGENASSIST leaves SubWord of its second word in its first.
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVL            w+0(FP), X0
	PSHUFD          $0, X0, X0
	AESKEYGENASSIST $0, X0, X0
	MOVL            X0, ret+8(FP)
	RET

// func invMixColumns(key *byte)
TEXT ·invMixColumns(SB), NOSPLIT, $0-8
	MOVQ   key+0(FP), AX
	MOVOU  (AX), X0
	AESIMC X0, X0
	MOVOU  X0, (AX)
	RET

// func aesEncrypt(keys *schedule, rounds int, dst, src *byte, blocks int)
TEXT ·aesEncrypt(SB), NOSPLIT, $0-40
	BLOCKS(AESENC, AESENCLAST)

// func aesDecrypt(keys *schedule, rounds int, dst, src *byte, blocks int)
TEXT ·aesDecrypt(SB), NOSPLIT, $0-40
	BLOCKS(AESDEC, AESDECLAST)
