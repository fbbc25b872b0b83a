// SPDX-License-Identifier: Apache-2.0

//go:build !purego

#include "textflag.h"

// A product with a constant is the sum of two look-ups, one for each half of a
// byte; VPSHUFB does 32 of them. Y0, Y1: the tables in both lanes, Y2: 0x0f.
#define PREPARE \
	VBROADCASTI128 (AX), Y0    \
	VBROADCASTI128 16(AX), Y1  \
	MOVL           $0x0f, BX   \
	VMOVD          BX, X2      \
	VPBROADCASTB   X2, Y2

// func hornerAVX2(sums, column *byte, n int, table *[32]byte)
TEXT ·hornerAVX2(SB), NOSPLIT, $0-32
	MOVQ sums+0(FP), DI
	MOVQ column+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ table+24(FP), AX
	PREPARE

horner:
	VMOVDQU (DI), Y3
	VPSRLQ  $4, Y3, Y4
	VPAND   Y2, Y3, Y3
	VPAND   Y2, Y4, Y4
	VPSHUFB Y3, Y0, Y3
	VPSHUFB Y4, Y1, Y4
	VPXOR   (SI), Y3, Y3
	VPXOR   Y4, Y3, Y3
	VMOVDQU Y3, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	SUBQ    $32, CX
	JNE     horner
	VZEROUPPER
	RET

// func addProductAVX2(dst, src *byte, n int, table *[32]byte)
TEXT ·addProductAVX2(SB), NOSPLIT, $0-32
	MOVQ dst+0(FP), DI
	MOVQ src+8(FP), SI
	MOVQ n+16(FP), CX
	MOVQ table+24(FP), AX
	PREPARE

product:
	VMOVDQU (SI), Y3
	VPSRLQ  $4, Y3, Y4
	VPAND   Y2, Y3, Y3
	VPAND   Y2, Y4, Y4
	VPSHUFB Y3, Y0, Y3
	VPSHUFB Y4, Y1, Y4
	VPXOR   (DI), Y3, Y3
	VPXOR   Y4, Y3, Y3
	VMOVDQU Y3, (DI)
	ADDQ    $32, DI
	ADDQ    $32, SI
	SUBQ    $32, CX
	JNE     product
	VZEROUPPER
	RET
