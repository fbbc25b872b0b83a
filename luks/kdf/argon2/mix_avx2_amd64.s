// SPDX-License-Identifier: Apache-2.0

//go:build !purego

#include "textflag.h"

// Two rows, or two columns, at a time are four registers each: a = v0-v3, b = v4-v7, c = v8-v11,
// d = v12-v15. Between rows and columns the block is kept on the stack, and wiped from there.
//
// Columns 2j and 2j+1 lie side by side in memory. So what is read of two rows, 32 bytes each, is the
// first quarter (or second, …) of both columns with the middle halves exchanged.

DATA rotate24<>+0(SB)/8, $0x0201000706050403
DATA rotate24<>+8(SB)/8, $0x0a09080f0e0d0c0b
DATA rotate24<>+16(SB)/8, $0x0201000706050403
DATA rotate24<>+24(SB)/8, $0x0a09080f0e0d0c0b
GLOBL rotate24<>(SB), RODATA|NOPTR, $32

DATA rotate16<>+0(SB)/8, $0x0100070605040302
DATA rotate16<>+8(SB)/8, $0x09080f0e0d0c0b0a
DATA rotate16<>+16(SB)/8, $0x0100070605040302
DATA rotate16<>+24(SB)/8, $0x09080f0e0d0c0b0a
GLOBL rotate16<>(SB), RODATA|NOPTR, $32

#define ROTATE24 Y12
#define ROTATE16 Y13
#define ZERO     Y14

#define ROTATEBY32(x, t) VPSHUFD $0xB1, x, x
#define ROTATEBY24(x, t) VPSHUFB ROTATE24, x, x
#define ROTATEBY16(x, t) VPSHUFB ROTATE16, x, x
#define ROTATEBY63(x, t) \
	VPADDQ x, x, t \
	VPSRLQ $63, x, x \
	VPXOR  t, x, x

// STEP is a quarter of BlaMka's G: a += b + 2*lo(a)*lo(b); d = rotated d^a.
#define STEP(a, b, d, ROTATE, t) \
	VPMULUDQ a, b, t \
	VPADDQ   b, a, a \
	VPADDQ   t, t, t \
	VPADDQ   t, a, a \
	VPXOR    a, d, d \
	ROTATE(d, t)

#define STEPS(a0, b0, d0, a1, b1, d1, ROTATE) \
	STEP(a0, b0, d0, ROTATE, Y8) \
	STEP(a1, b1, d1, ROTATE, Y9)

#define G(a0, b0, c0, d0, a1, b1, c1, d1) \
	STEPS(a0, b0, d0, a1, b1, d1, ROTATEBY32) \
	STEPS(c0, d0, b0, c1, d1, b1, ROTATEBY24) \
	STEPS(a0, b0, d0, a1, b1, d1, ROTATEBY16) \
	STEPS(c0, d0, b0, c1, d1, b1, ROTATEBY63)

// TURN rotates the words of b, c and d: to the diagonals and back.
#define TURN(b, c, d, rb, rd) \
	VPERMQ rb, b, b \
	VPERMQ $0x4E, c, c \
	VPERMQ rd, d, d

// ROUND is the BLAKE2 round, with BlaMka's G, on Y0-Y3 and on Y4-Y7.
#define ROUND \
	G(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7) \
	TURN(Y1, Y2, Y3, $0x39, $0x93) \
	TURN(Y5, Y6, Y7, $0x39, $0x93) \
	G(Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7) \
	TURN(Y1, Y2, Y3, $0x93, $0x39) \
	TURN(Y5, Y6, Y7, $0x93, $0x39)

#define LOADSUM(off, y) \
	VMOVDQU off(SI), y \
	VPXOR   off(DX), y, y

// ROWS does the two rows at off.
#define ROWS(off) \
	LOADSUM(off+0, Y0) \
	LOADSUM(off+32, Y1) \
	LOADSUM(off+64, Y2) \
	LOADSUM(off+96, Y3) \
	LOADSUM(off+128, Y4) \
	LOADSUM(off+160, Y5) \
	LOADSUM(off+192, Y6) \
	LOADSUM(off+224, Y7) \
	ROUND \
	VMOVDQU Y0, off+0(R8) \
	VMOVDQU Y1, off+32(R8) \
	VMOVDQU Y2, off+64(R8) \
	VMOVDQU Y3, off+96(R8) \
	VMOVDQU Y4, off+128(R8) \
	VMOVDQU Y5, off+160(R8) \
	VMOVDQU Y6, off+192(R8) \
	VMOVDQU Y7, off+224(R8)

// SEPARATE takes a quarter of two columns from the stack, and wipes it there.
#define SEPARATE(off, even, odd) \
	VMOVDQU    off(R8), Y8 \
	VMOVDQU    off+128(R8), Y9 \
	VMOVDQU    ZERO, off(R8) \
	VMOVDQU    ZERO, off+128(R8) \
	VPERM2I128 $0x20, Y9, Y8, even \
	VPERM2I128 $0x31, Y9, Y8, odd

// JOIN turns a quarter of two columns into pieces of two rows and adds prev and ref once more.
#define JOIN(off, even, odd) \
	VPERM2I128 $0x20, odd, even, Y8 \
	VPERM2I128 $0x31, odd, even, Y9 \
	VPXOR      off(SI), Y8, Y8 \
	VPXOR      off+128(SI), Y9, Y9 \
	VPXOR      off(DX), Y8, Y8 \
	VPXOR      off+128(DX), Y9, Y9

#define OVERWRITE(off, even, odd) \
	JOIN(off, even, odd) \
	VMOVDQU Y8, off(DI) \
	VMOVDQU Y9, off+128(DI)

#define ADD(off, even, odd) \
	JOIN(off, even, odd) \
	VPXOR   off(DI), Y8, Y8 \
	VPXOR   off+128(DI), Y9, Y9 \
	VMOVDQU Y8, off(DI) \
	VMOVDQU Y9, off+128(DI)

// COLUMNS does the two columns at off.
#define COLUMNS(off, OUT) \
	SEPARATE(off+0, Y0, Y4) \
	SEPARATE(off+256, Y1, Y5) \
	SEPARATE(off+512, Y2, Y6) \
	SEPARATE(off+768, Y3, Y7) \
	ROUND \
	OUT(off+0, Y0, Y4) \
	OUT(off+256, Y1, Y5) \
	OUT(off+512, Y2, Y6) \
	OUT(off+768, Y3, Y7)

#define MIX(OUT) \
	MOVQ     dst+0(FP), DI \
	MOVQ     prev+8(FP), SI \
	MOVQ     ref+16(FP), DX \
	LEAQ     z-1024(SP), R8 \
	VMOVDQU  rotate24<>(SB), ROTATE24 \
	VMOVDQU  rotate16<>(SB), ROTATE16 \
	VPXOR    ZERO, ZERO, ZERO \
	MOVQ     $4, CX \
rows: \
	ROWS(0) \
	ADDQ     $256, SI \
	ADDQ     $256, DX \
	ADDQ     $256, R8 \
	DECQ     CX \
	JNZ      rows \
	SUBQ     $1024, SI \
	SUBQ     $1024, DX \
	SUBQ     $1024, R8 \
	MOVQ     $4, CX \
columns: \
	COLUMNS(0, OUT) \
	ADDQ     $32, DI \
	ADDQ     $32, SI \
	ADDQ     $32, DX \
	ADDQ     $32, R8 \
	DECQ     CX \
	JNZ      columns \
	VZEROUPPER

// func mixAVX2(dst, prev, ref *block)
TEXT ·mixAVX2(SB), 0, $1024-24
	MIX(OVERWRITE)
	RET

// func mixAddAVX2(dst, prev, ref *block)
TEXT ·mixAddAVX2(SB), 0, $1024-24
	MIX(ADD)
	RET
