// SPDX-License-Identifier: Apache-2.0

// AES-XTS with AES-NI and SSE2: eight blocks at a time.

#include "textflag.h"

// What the bits shifted out at the top of the low and of the high half of a tweak come to when the
// tweak is multiplied by x: 1 in the high half, and x⁷+x²+x+1 in the low one.
DATA xtsCarry<>+0(SB)/8, $0x0000000000000087
DATA xtsCarry<>+8(SB)/8, $0x0000000000000001
GLOBL xtsCarry<>(SB), RODATA|NOPTR, $16

// WHITEN loads block n, whitens it with the tweak in X10, keeps the tweak on the stack, and
// multiplies it by x.
#define WHITEN(n, block) \
	MOVOU  n*16(SI), block; \
	PXOR   X10, block; \
	MOVOU  X10, tweaks-128+n*16(SP); \
	PSHUFD $0x13, X10, X11; \
	PADDQ  X10, X10; \
	PSRAL  $31, X11; \
	PAND   X9, X11; \
	PXOR   X11, X10

#define FINISH(n, block) \
	MOVOU tweaks-128+n*16(SP), X11; \
	PXOR  X11, block; \
	MOVOU block, n*16(DI)

#define ROUND(op, n) \
	MOVOU n*16(AX), X8; \
	op    X8, X0; \
	op    X8, X1; \
	op    X8, X2; \
	op    X8, X3; \
	op    X8, X4; \
	op    X8, X5; \
	op    X8, X6; \
	op    X8, X7

// XTS: AX keys, BX rounds, CX address of the last round key, DX tweaks, R8 sectors left, R9 groups of
// eight blocks in a sector, R10 groups left.
#define XTS(op, oplast) \
	MOVQ   keys+0(FP), AX; \
	MOVQ   rounds+8(FP), BX; \
	MOVQ   dst+16(FP), DI; \
	MOVQ   src+24(FP), SI; \
	MOVQ   tweaks+32(FP), DX; \
	MOVQ   sectors+40(FP), R8; \
	MOVQ   chunks+48(FP), R9; \
	SHLQ   $2, R9; \
	MOVQ   BX, CX; \
	SHLQ   $4, CX; \
	ADDQ   AX, CX; \
	MOVOU  xtsCarry<>(SB), X9; \
sector: \
	MOVOU  (DX), X10; \
	ADDQ   $16, DX; \
	MOVQ   R9, R10; \
group: \
	WHITEN(0, X0); \
	WHITEN(1, X1); \
	WHITEN(2, X2); \
	WHITEN(3, X3); \
	WHITEN(4, X4); \
	WHITEN(5, X5); \
	WHITEN(6, X6); \
	WHITEN(7, X7); \
	ROUND(PXOR, 0); \
	ROUND(op, 1); \
	ROUND(op, 2); \
	ROUND(op, 3); \
	ROUND(op, 4); \
	ROUND(op, 5); \
	ROUND(op, 6); \
	ROUND(op, 7); \
	ROUND(op, 8); \
	ROUND(op, 9); \
	CMPQ   BX, $12; \
	JB     last; \
	ROUND(op, 10); \
	ROUND(op, 11); \
	JE     last; \
	ROUND(op, 12); \
	ROUND(op, 13); \
last: \
	MOVOU  (CX), X8; \
	oplast X8, X0; \
	oplast X8, X1; \
	oplast X8, X2; \
	oplast X8, X3; \
	oplast X8, X4; \
	oplast X8, X5; \
	oplast X8, X6; \
	oplast X8, X7; \
	FINISH(0, X0); \
	FINISH(1, X1); \
	FINISH(2, X2); \
	FINISH(3, X3); \
	FINISH(4, X4); \
	FINISH(5, X5); \
	FINISH(6, X6); \
	FINISH(7, X7); \
	ADDQ   $128, SI; \
	ADDQ   $128, DI; \
	DECQ   R10; \
	JNZ    group; \
	DECQ   R8; \
	JNZ    sector; \
	RET

// func xtsEncryptAESNI(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
TEXT ·xtsEncryptAESNI(SB), NOSPLIT, $128-56
	XTS(AESENC, AESENCLAST)

// func xtsDecryptAESNI(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
TEXT ·xtsDecryptAESNI(SB), NOSPLIT, $128-56
	XTS(AESDEC, AESDECLAST)
