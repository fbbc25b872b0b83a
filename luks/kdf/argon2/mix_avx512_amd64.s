// SPDX-License-Identifier: Apache-2.0

//go:build !purego

#include "textflag.h"

// The whole block stays in Z0-Z15 between load and store. Four chains of the round function, of
// two rows or two columns each, run side by side:
//
//	row chain k     rows 2k and 2k+1:     a = v0-v3 of both, b = v4-v7, c = v8-v11, d = v12-v15
//	column chain k  columns 2k and 2k+1:  a = rows 0 and 1, b = rows 2 and 3, c = rows 4 and 5, d = rows 6 and 7
//
// The a of row chains 0 to 3 hold what column chain 0 needs as a to d, only with the middle two
// 128-bit quarters exchanged; the b hold column chain 1, and so on. So a single shuffle of each
// register leads from rows to columns.

// HALF is half of BlaMka's G on one chain: a += b + 2*lo(a)*lo(b); d = (d^a)>>>r1; then c, d, b and r2 likewise.
#define HALF(a, b, c, d, r1, r2, t) \
	VPMULUDQ a, b, t \
	VPADDQ   b, a, a \
	VPADDQ   t, t, t \
	VPADDQ   t, a, a \
	VPXORQ   a, d, d \
	VPRORQ   r1, d, d \
	VPMULUDQ c, d, t \
	VPADDQ   d, c, c \
	VPADDQ   t, t, t \
	VPADDQ   t, c, c \
	VPXORQ   c, b, b \
	VPRORQ   r2, b, b

#define HALVES(a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2, a3, b3, c3, d3, r1, r2) \
	HALF(a0, b0, c0, d0, r1, r2, Z16) \
	HALF(a1, b1, c1, d1, r1, r2, Z17) \
	HALF(a2, b2, c2, d2, r1, r2, Z18) \
	HALF(a3, b3, c3, d3, r1, r2, Z19)

// TURN rotates the words of b, c and d within their halves: to the diagonals and back.
#define TURN(b, c, d, rb, rd) \
	VPERMQ rb, b, b \
	VPERMQ $0x4E, c, c \
	VPERMQ rd, d, d

// ROUND is the BLAKE2 round, with BlaMka's G, of four chains.
#define ROUND(a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2, a3, b3, c3, d3) \
	HALVES(a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2, a3, b3, c3, d3, $32, $24) \
	HALVES(a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2, a3, b3, c3, d3, $16, $63) \
	TURN(b0, c0, d0, $0x39, $0x93) \
	TURN(b1, c1, d1, $0x39, $0x93) \
	TURN(b2, c2, d2, $0x39, $0x93) \
	TURN(b3, c3, d3, $0x39, $0x93) \
	HALVES(a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2, a3, b3, c3, d3, $32, $24) \
	HALVES(a0, b0, c0, d0, a1, b1, c1, d1, a2, b2, c2, d2, a3, b3, c3, d3, $16, $63) \
	TURN(b0, c0, d0, $0x93, $0x39) \
	TURN(b1, c1, d1, $0x93, $0x39) \
	TURN(b2, c2, d2, $0x93, $0x39) \
	TURN(b3, c3, d3, $0x93, $0x39)

// LOAD makes a row chain of prev XOR ref at off, two rows of 128 bytes.
#define LOAD(off, a, b, c, d) \
	VMOVDQU64  off+0(SI), Z20 \
	VMOVDQU64  off+64(SI), Z21 \
	VMOVDQU64  off+128(SI), Z22 \
	VMOVDQU64  off+192(SI), Z23 \
	VPXORQ     off+0(DX), Z20, Z20 \
	VPXORQ     off+64(DX), Z21, Z21 \
	VPXORQ     off+128(DX), Z22, Z22 \
	VPXORQ     off+192(DX), Z23, Z23 \
	VSHUFI64X2 $0x44, Z22, Z20, a \
	VSHUFI64X2 $0xEE, Z22, Z20, b \
	VSHUFI64X2 $0x44, Z23, Z21, c \
	VSHUFI64X2 $0xEE, Z23, Z21, d

// EXCHANGE swaps the middle quarters of the registers of one column chain.
#define EXCHANGE(a, b, c, d) \
	VSHUFI64X2 $0xD8, a, a, a \
	VSHUFI64X2 $0xD8, b, b, b \
	VSHUFI64X2 $0xD8, c, c, c \
	VSHUFI64X2 $0xD8, d, d, d

// HALFROW puts half a row, 64 bytes, together of two column chains and adds prev and ref once more.
#define HALFROW(off, which, x, y, t) \
	VSHUFI64X2 which, y, x, t \
	VPXORQ     off(SI), t, t \
	VPXORQ     off(DX), t, t

#define OVERWRITE(off, which, x, y, t) \
	HALFROW(off, which, x, y, t) \
	VMOVDQU64 t, off(DI)

#define ADD(off, which, x, y, t) \
	HALFROW(off, which, x, y, t) \
	VPXORQ    off(DI), t, t \
	VMOVDQU64 t, off(DI)

#define MIX \
	LOAD(0, Z0, Z4, Z8, Z12) \
	LOAD(256, Z1, Z5, Z9, Z13) \
	LOAD(512, Z2, Z6, Z10, Z14) \
	LOAD(768, Z3, Z7, Z11, Z15) \
	ROUND(Z0, Z4, Z8, Z12, Z1, Z5, Z9, Z13, Z2, Z6, Z10, Z14, Z3, Z7, Z11, Z15) \
	EXCHANGE(Z0, Z1, Z2, Z3) \
	EXCHANGE(Z4, Z5, Z6, Z7) \
	EXCHANGE(Z8, Z9, Z10, Z11) \
	EXCHANGE(Z12, Z13, Z14, Z15) \
	ROUND(Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15)

#define STORE(OUT) \
	OUT(0, $0x88, Z0, Z4, Z16) \
	OUT(64, $0x88, Z8, Z12, Z17) \
	OUT(128, $0xDD, Z0, Z4, Z18) \
	OUT(192, $0xDD, Z8, Z12, Z19) \
	OUT(256, $0x88, Z1, Z5, Z20) \
	OUT(320, $0x88, Z9, Z13, Z21) \
	OUT(384, $0xDD, Z1, Z5, Z22) \
	OUT(448, $0xDD, Z9, Z13, Z23) \
	OUT(512, $0x88, Z2, Z6, Z16) \
	OUT(576, $0x88, Z10, Z14, Z17) \
	OUT(640, $0xDD, Z2, Z6, Z18) \
	OUT(704, $0xDD, Z10, Z14, Z19) \
	OUT(768, $0x88, Z3, Z7, Z20) \
	OUT(832, $0x88, Z11, Z15, Z21) \
	OUT(896, $0xDD, Z3, Z7, Z22) \
	OUT(960, $0xDD, Z11, Z15, Z23)

// func mixAVX512(dst, prev, ref *block)
TEXT ·mixAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ prev+8(FP), SI
	MOVQ ref+16(FP), DX
	MIX
	STORE(OVERWRITE)
	VZEROUPPER
	RET

// func mixAddAVX512(dst, prev, ref *block)
TEXT ·mixAddAVX512(SB), NOSPLIT, $0-24
	MOVQ dst+0(FP), DI
	MOVQ prev+8(FP), SI
	MOVQ ref+16(FP), DX
	MIX
	STORE(ADD)
	VZEROUPPER
	RET
