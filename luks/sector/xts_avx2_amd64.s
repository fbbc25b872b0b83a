// SPDX-License-Identifier: Apache-2.0

// AES-XTS with VAES and VPCLMULQDQ on 256-bit registers: sixteen blocks at a time, two in each register.
//
// A tweak T times xᵏ is T shifted left by k bits, plus the k bits that fall out times x⁷+x²+x+1. With k
// a multiple of 8, all 128 bits are shifted by bytes; otherwise each half is shifted, and what falls
// out of the low half is put into the high one.

#include "textflag.h"

DATA xtsUp<>+0x00(SB)/8, $0
DATA xtsUp<>+0x08(SB)/8, $0
DATA xtsUp<>+0x10(SB)/8, $1
DATA xtsUp<>+0x18(SB)/8, $1
GLOBL xtsUp<>(SB), RODATA|NOPTR, $32

DATA xtsDown<>+0x00(SB)/8, $64
DATA xtsDown<>+0x08(SB)/8, $64
DATA xtsDown<>+0x10(SB)/8, $63
DATA xtsDown<>+0x18(SB)/8, $63
GLOBL xtsDown<>(SB), RODATA|NOPTR, $32

DATA xtsPolynomial<>+0(SB)/8, $0x87
DATA xtsPolynomial<>+8(SB)/8, $0
GLOBL xtsPolynomial<>(SB), RODATA|NOPTR, $16

// FOLD adds to out what fell out of the halves of a tweak, in Y10. Y8: the polynomial.
#define FOLD(out) \
	VPSLLDQ    $8, Y10, Y11; \
	VPCLMULQDQ $0x01, Y8, Y10, Y10; \
	VPXOR      Y11, out, out; \
	VPXOR      Y10, out, out

// TWEAK keeps on the stack, at n, the tweaks in Y13 times x to the 2n.
#define TWEAK(n) \
	VPSRLQ  $(64-2*n), Y13, Y10; \
	VPSLLQ  $(2*n), Y13, Y12; \
	FOLD(Y12); \
	VMOVDQU Y12, tweaks-256+n*32(SP)

// NEXT multiplies the tweaks at n by x to the 16.
#define NEXT(n) \
	VMOVDQU    tweaks-256+n*32(SP), Y10; \
	VPSRLDQ    $14, Y10, Y11; \
	VPCLMULQDQ $0x00, Y8, Y11, Y11; \
	VPSLLDQ    $2, Y10, Y10; \
	VPXOR      Y11, Y10, Y10; \
	VMOVDQU    Y10, tweaks-256+n*32(SP)

#define WHITEN(n, blocks) \
	VPXOR n*32(SI), Y9, blocks; \
	VPXOR tweaks-256+n*32(SP), blocks, blocks

#define FINISH(n, blocks) \
	VPXOR   tweaks-256+n*32(SP), blocks, blocks; \
	VMOVDQU blocks, n*32(DI)

#define ROUNDKEY(op) \
	op Y9, Y0, Y0; \
	op Y9, Y1, Y1; \
	op Y9, Y2, Y2; \
	op Y9, Y3, Y3; \
	op Y9, Y4, Y4; \
	op Y9, Y5, Y5; \
	op Y9, Y6, Y6; \
	op Y9, Y7, Y7

#define ROUND(op, n) \
	VBROADCASTI128 n*16(AX), Y9; \
	ROUNDKEY(op)

// XTS makes the tweaks of the first blocks of a sector from copies of the first tweak: that times x,
// x² and so on in one register, then in the others that register times powers of x.
// AX keys, BX rounds, CX address of the last round key, DX tweaks, R8 sectors left, R9 groups of
// sixteen blocks in a sector, R10 groups left.
#define XTS(op, oplast) \
	MOVQ    keys+0(FP), AX; \
	MOVQ    rounds+8(FP), BX; \
	MOVQ    dst+16(FP), DI; \
	MOVQ    src+24(FP), SI; \
	MOVQ    tweaks+32(FP), DX; \
	MOVQ    sectors+40(FP), R8; \
	MOVQ    chunks+48(FP), R9; \
	SHLQ    $1, R9; \
	MOVQ    BX, CX; \
	SHLQ    $4, CX; \
	ADDQ    AX, CX; \
	VBROADCASTI128 xtsPolynomial<>(SB), Y8; \
	VMOVDQU xtsUp<>(SB), Y14; \
	VMOVDQU xtsDown<>(SB), Y15; \
sector: \
	VBROADCASTI128 (DX), Y12; \
	VPSRLVQ Y15, Y12, Y10; \
	VPSLLVQ Y14, Y12, Y13; \
	FOLD(Y13); \
	VMOVDQU Y13, tweaks-256(SP); \
	TWEAK(1); \
	TWEAK(2); \
	TWEAK(3); \
	TWEAK(4); \
	TWEAK(5); \
	TWEAK(6); \
	TWEAK(7); \
	ADDQ    $16, DX; \
	MOVQ    R9, R10; \
	JMP     group; \
next: \
	NEXT(0); \
	NEXT(1); \
	NEXT(2); \
	NEXT(3); \
	NEXT(4); \
	NEXT(5); \
	NEXT(6); \
	NEXT(7); \
group: \
	VBROADCASTI128 (AX), Y9; \
	WHITEN(0, Y0); \
	WHITEN(1, Y1); \
	WHITEN(2, Y2); \
	WHITEN(3, Y3); \
	WHITEN(4, Y4); \
	WHITEN(5, Y5); \
	WHITEN(6, Y6); \
	WHITEN(7, Y7); \
	ROUND(op, 1); \
	ROUND(op, 2); \
	ROUND(op, 3); \
	ROUND(op, 4); \
	ROUND(op, 5); \
	ROUND(op, 6); \
	ROUND(op, 7); \
	ROUND(op, 8); \
	ROUND(op, 9); \
	CMPQ    BX, $12; \
	JB      last; \
	ROUND(op, 10); \
	ROUND(op, 11); \
	JE      last; \
	ROUND(op, 12); \
	ROUND(op, 13); \
last: \
	VBROADCASTI128 (CX), Y9; \
	ROUNDKEY(oplast); \
	FINISH(0, Y0); \
	FINISH(1, Y1); \
	FINISH(2, Y2); \
	FINISH(3, Y3); \
	FINISH(4, Y4); \
	FINISH(5, Y5); \
	FINISH(6, Y6); \
	FINISH(7, Y7); \
	ADDQ    $256, SI; \
	ADDQ    $256, DI; \
	DECQ    R10; \
	JNZ     next; \
	DECQ    R8; \
	JNZ     sector; \
	VZEROUPPER; \
	RET

// func xtsEncryptAVX2(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
TEXT ·xtsEncryptAVX2(SB), NOSPLIT, $256-56
	XTS(VAESENC, VAESENCLAST)

// func xtsDecryptAVX2(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
TEXT ·xtsDecryptAVX2(SB), NOSPLIT, $256-56
	XTS(VAESDEC, VAESDECLAST)
