// SPDX-License-Identifier: Apache-2.0

//go:build !purego

#include "textflag.h"

// One row or one column at a time is X0-X7, two words in each: a = v0-v3 in X0 and X1, b in X2 and
// X3, c in X4 and X5, d in X6 and X7. Between rows and columns the block is kept on the stack,
// and wiped from there. Operands in memory need not be aligned, so they are loaded by MOVOU only.

DATA rotate24x<>+0(SB)/8, $0x0201000706050403
DATA rotate24x<>+8(SB)/8, $0x0a09080f0e0d0c0b
GLOBL rotate24x<>(SB), RODATA|NOPTR, $16

DATA rotate16x<>+0(SB)/8, $0x0100070605040302
DATA rotate16x<>+8(SB)/8, $0x09080f0e0d0c0b0a
GLOBL rotate16x<>(SB), RODATA|NOPTR, $16

#define ROTATE24 X13
#define ROTATE16 X14
#define ZERO     X15

#define ROTATEBY32(x, t) PSHUFD $0xB1, x, x
#define ROTATEBY24(x, t) PSHUFB ROTATE24, x
#define ROTATEBY16(x, t) PSHUFB ROTATE16, x
#define ROTATEBY63(x, t) \
	MOVO  x, t \
	PADDQ t, t \
	PSRLQ $63, x \
	PXOR  t, x

// STEP is a quarter of BlaMka's G: a += b + 2*lo(a)*lo(b); d = rotated d^a.
#define STEP(a, b, d, ROTATE, t) \
	MOVO    a, t \
	PMULULQ b, t \
	PADDQ   b, a \
	PADDQ   t, t \
	PADDQ   t, a \
	PXOR    a, d \
	ROTATE(d, t)

#define STEPS(a0, b0, d0, a1, b1, d1, ROTATE) \
	STEP(a0, b0, d0, ROTATE, X8) \
	STEP(a1, b1, d1, ROTATE, X9)

#define G(a0, a1, b0, b1, c0, c1, d0, d1) \
	STEPS(a0, b0, d0, a1, b1, d1, ROTATEBY32) \
	STEPS(c0, d0, b0, c1, d1, b1, ROTATEBY24) \
	STEPS(a0, b0, d0, a1, b1, d1, ROTATEBY16) \
	STEPS(c0, d0, b0, c1, d1, b1, ROTATEBY63)

// FORWARD turns words 0 1 | 2 3 in x | y into 1 2 | 3 0.
#define FORWARD(x, y) \
	MOVO    y, X8 \
	PALIGNR $8, x, X8 \
	PALIGNR $8, y, x \
	MOVO    x, y \
	MOVO    X8, x

// BACKWARD turns words 0 1 | 2 3 in x | y into 3 0 | 1 2.
#define BACKWARD(x, y) \
	MOVO    x, X8 \
	PALIGNR $8, y, X8 \
	PALIGNR $8, x, y \
	MOVO    X8, x

// ROUND is the BLAKE2 round with BlaMka's G.
#define ROUND \
	G(X0, X1, X2, X3, X4, X5, X6, X7) \
	FORWARD(X2, X3) \
	BACKWARD(X6, X7) \
	G(X0, X1, X2, X3, X5, X4, X6, X7) \
	BACKWARD(X2, X3) \
	FORWARD(X6, X7)

#define LOADSUM(off, x) \
	MOVOU off(SI), x \
	MOVOU off(DX), X8 \
	PXOR  X8, x

// ROW does the row at off.
#define ROW(off) \
	LOADSUM(off+0, X0) \
	LOADSUM(off+16, X1) \
	LOADSUM(off+32, X2) \
	LOADSUM(off+48, X3) \
	LOADSUM(off+64, X4) \
	LOADSUM(off+80, X5) \
	LOADSUM(off+96, X6) \
	LOADSUM(off+112, X7) \
	ROUND \
	MOVOU X0, off+0(R8) \
	MOVOU X1, off+16(R8) \
	MOVOU X2, off+32(R8) \
	MOVOU X3, off+48(R8) \
	MOVOU X4, off+64(R8) \
	MOVOU X5, off+80(R8) \
	MOVOU X6, off+96(R8) \
	MOVOU X7, off+112(R8)

#define TAKE(off, x) \
	MOVOU off(R8), x \
	MOVOU ZERO, off(R8)

#define OVERWRITE(off, x) \
	LOADSUM(off, X9) \
	PXOR  X9, x \
	MOVOU x, off(DI)

#define ADD(off, x) \
	LOADSUM(off, X9) \
	PXOR  X9, x \
	MOVOU off(DI), X9 \
	PXOR  X9, x \
	MOVOU x, off(DI)

// COLUMN does the column at off.
#define COLUMN(off, OUT) \
	TAKE(off+0, X0) \
	TAKE(off+128, X1) \
	TAKE(off+256, X2) \
	TAKE(off+384, X3) \
	TAKE(off+512, X4) \
	TAKE(off+640, X5) \
	TAKE(off+768, X6) \
	TAKE(off+896, X7) \
	ROUND \
	OUT(off+0, X0) \
	OUT(off+128, X1) \
	OUT(off+256, X2) \
	OUT(off+384, X3) \
	OUT(off+512, X4) \
	OUT(off+640, X5) \
	OUT(off+768, X6) \
	OUT(off+896, X7)

// MIX loops, for unrolled it is 16 KiB of instructions: half of what is kept near the processor.
#define MIX(OUT) \
	MOVQ  dst+0(FP), DI \
	MOVQ  prev+8(FP), SI \
	MOVQ  ref+16(FP), DX \
	LEAQ  z-1024(SP), R8 \
	MOVOU rotate24x<>(SB), ROTATE24 \
	MOVOU rotate16x<>(SB), ROTATE16 \
	PXOR  ZERO, ZERO \
	MOVQ  $8, CX \
rows: \
	ROW(0) \
	ADDQ  $128, SI \
	ADDQ  $128, DX \
	ADDQ  $128, R8 \
	DECQ  CX \
	JNZ   rows \
	SUBQ  $1024, SI \
	SUBQ  $1024, DX \
	SUBQ  $1024, R8 \
	MOVQ  $8, CX \
columns: \
	COLUMN(0, OUT) \
	ADDQ  $16, DI \
	ADDQ  $16, SI \
	ADDQ  $16, DX \
	ADDQ  $16, R8 \
	DECQ  CX \
	JNZ   columns

// func mixSSSE3(dst, prev, ref *block)
TEXT ·mixSSSE3(SB), 0, $1024-24
	MIX(OVERWRITE)
	RET

// func mixAddSSSE3(dst, prev, ref *block)
TEXT ·mixAddSSSE3(SB), 0, $1024-24
	MIX(ADD)
	RET
