// SPDX-License-Identifier: Apache-2.0

//go:build !purego

#include "textflag.h"

// One row or one column at a time is V0-V7, two words in each: a = v0-v3 in V0 and V1, b in V2 and
// V3, c in V4 and V5, d in V6 and V7. Between rows and columns the block is kept on the stack,
// and wiped from there. F0 and V0 are the same register.

// Tables that rotate words right by 24 and by 16 bits.
DATA rotations<>+0(SB)/8, $0x0201000706050403
DATA rotations<>+8(SB)/8, $0x0a09080f0e0d0c0b
DATA rotations<>+16(SB)/8, $0x0100070605040302
DATA rotations<>+24(SB)/8, $0x09080f0e0d0c0b0a
GLOBL rotations<>(SB), RODATA|NOPTR, $32

#define ROTATE24 V28
#define ROTATE16 V29
#define FZERO    F31
#define VZERO    V31

// These set d = rotated d^a.
#define MINGLE32(a, d) \
	VEOR   a.B16, d.B16, d.B16 \
	VREV64 d.S4, d.S4

#define MINGLE24(a, d) \
	VEOR a.B16, d.B16, d.B16 \
	VTBL ROTATE24.B16, [d.B16], d.B16

#define MINGLE16(a, d) \
	VEOR a.B16, d.B16, d.B16 \
	VTBL ROTATE16.B16, [d.B16], d.B16

#define MINGLE63(a, d) \
	VEOR a.B16, d.B16, V20.B16 \
	VADD V20.D2, V20.D2, d.D2 \
	VSRI $63, V20.D2, d.D2

// The assembler knows neither of these:
#define UMULL_V18_V16_V17  WORD $0x2EB1C212 // V18.D2 = lower halves of V16.S4 times V17.S4
#define UMULL2_V19_V16_V17 WORD $0x6EB1C213 // V19.D2 = upper halves

// STEP is a quarter of BlaMka's G, twice: a += b + 2*lo(a)*lo(b); d = rotated d^a.
#define STEP(a0, a1, b0, b1, d0, d1, MINGLE) \
	VUZP1 a1.S4, a0.S4, V16.S4 \
	VUZP1 b1.S4, b0.S4, V17.S4 \
	VADD  b0.D2, a0.D2, a0.D2 \
	VADD  b1.D2, a1.D2, a1.D2 \
	UMULL_V18_V16_V17 \
	UMULL2_V19_V16_V17 \
	VADD  V18.D2, V18.D2, V18.D2 \
	VADD  V19.D2, V19.D2, V19.D2 \
	VADD  V18.D2, a0.D2, a0.D2 \
	VADD  V19.D2, a1.D2, a1.D2 \
	MINGLE(a0, d0) \
	MINGLE(a1, d1)

#define G(a0, a1, b0, b1, c0, c1, d0, d1) \
	STEP(a0, a1, b0, b1, d0, d1, MINGLE32) \
	STEP(c0, c1, d0, d1, b0, b1, MINGLE24) \
	STEP(a0, a1, b0, b1, d0, d1, MINGLE16) \
	STEP(c0, c1, d0, d1, b0, b1, MINGLE63)

// FORWARD turns words 0 1 | 2 3 in x | y into 1 2 | 3 0.
#define FORWARD(x, y) \
	VEXT $8, y.B16, x.B16, V16.B16 \
	VEXT $8, x.B16, y.B16, y.B16 \
	VMOV V16.B16, x.B16

// BACKWARD turns words 0 1 | 2 3 in x | y into 3 0 | 1 2.
#define BACKWARD(x, y) \
	VEXT $8, x.B16, y.B16, V16.B16 \
	VEXT $8, y.B16, x.B16, y.B16 \
	VMOV V16.B16, x.B16

// ROUND is the BLAKE2 round with BlaMka's G.
#define ROUND \
	G(V0, V1, V2, V3, V4, V5, V6, V7) \
	FORWARD(V2, V3) \
	BACKWARD(V6, V7) \
	G(V0, V1, V2, V3, V5, V4, V6, V7) \
	BACKWARD(V2, V3) \
	FORWARD(V6, V7)

#define LOADSUM(off, f, v) \
	FMOVQ off(R1), f \
	FMOVQ off(R2), F16 \
	VEOR  V16.B16, v.B16, v.B16

// ROW does the row at off.
#define ROW(off) \
	LOADSUM(off+0, F0, V0) \
	LOADSUM(off+16, F1, V1) \
	LOADSUM(off+32, F2, V2) \
	LOADSUM(off+48, F3, V3) \
	LOADSUM(off+64, F4, V4) \
	LOADSUM(off+80, F5, V5) \
	LOADSUM(off+96, F6, V6) \
	LOADSUM(off+112, F7, V7) \
	ROUND \
	FMOVQ F0, off+0(R3) \
	FMOVQ F1, off+16(R3) \
	FMOVQ F2, off+32(R3) \
	FMOVQ F3, off+48(R3) \
	FMOVQ F4, off+64(R3) \
	FMOVQ F5, off+80(R3) \
	FMOVQ F6, off+96(R3) \
	FMOVQ F7, off+112(R3)

#define TAKE(off, f) \
	FMOVQ off(R3), f \
	FMOVQ FZERO, off(R3)

#define OVERWRITE(off, f, v) \
	LOADSUM(off, F17, V17) \
	VEOR  V17.B16, v.B16, v.B16 \
	FMOVQ f, off(R0)

#define ADD(off, f, v) \
	LOADSUM(off, F17, V17) \
	VEOR  V17.B16, v.B16, v.B16 \
	FMOVQ off(R0), F17 \
	VEOR  V17.B16, v.B16, v.B16 \
	FMOVQ f, off(R0)

// COLUMN does the column at off.
#define COLUMN(off, OUT) \
	TAKE(off+0, F0) \
	TAKE(off+128, F1) \
	TAKE(off+256, F2) \
	TAKE(off+384, F3) \
	TAKE(off+512, F4) \
	TAKE(off+640, F5) \
	TAKE(off+768, F6) \
	TAKE(off+896, F7) \
	ROUND \
	OUT(off+0, F0, V0) \
	OUT(off+128, F1, V1) \
	OUT(off+256, F2, V2) \
	OUT(off+384, F3, V3) \
	OUT(off+512, F4, V4) \
	OUT(off+640, F5, V5) \
	OUT(off+768, F6, V6) \
	OUT(off+896, F7, V7)

#define MIX(OUT) \
	MOVD dst+0(FP), R0 \
	MOVD prev+8(FP), R1 \
	MOVD ref+16(FP), R2 \
	MOVD $z-1024(SP), R3 \
	MOVD $rotations<>(SB), R4 \
	VLD1 (R4), [ROTATE24.B16, ROTATE16.B16] \
	VEOR VZERO.B16, VZERO.B16, VZERO.B16 \
	ROW(0) \
	ROW(128) \
	ROW(256) \
	ROW(384) \
	ROW(512) \
	ROW(640) \
	ROW(768) \
	ROW(896) \
	COLUMN(0, OUT) \
	COLUMN(16, OUT) \
	COLUMN(32, OUT) \
	COLUMN(48, OUT) \
	COLUMN(64, OUT) \
	COLUMN(80, OUT) \
	COLUMN(96, OUT) \
	COLUMN(112, OUT)

// func mixNEON(dst, prev, ref *block)
TEXT ·mixNEON(SB), 0, $1024-24
	MIX(OVERWRITE)
	RET

// func mixAddNEON(dst, prev, ref *block)
TEXT ·mixAddNEON(SB), 0, $1024-24
	MIX(ADD)
	RET
