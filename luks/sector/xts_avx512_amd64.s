// SPDX-License-Identifier: Apache-2.0

// AES-XTS with VAES and VPCLMULQDQ on 512-bit registers: 32 blocks at a time, four in each register.
// xts_avx2_amd64.s says how tweaks are multiplied by powers of x.
//
//	Z0 to Z7    blocks
//	Z8 to Z15   their tweaks
//	Z16 to Z29  round keys 0 to 13, each four times
//	Z30         the last round key
//	Z31         x⁷+x²+x+1

#include "textflag.h"

DATA xtsUp<>+0x00(SB)/8, $0
DATA xtsUp<>+0x08(SB)/8, $0
DATA xtsUp<>+0x10(SB)/8, $1
DATA xtsUp<>+0x18(SB)/8, $1
DATA xtsUp<>+0x20(SB)/8, $2
DATA xtsUp<>+0x28(SB)/8, $2
DATA xtsUp<>+0x30(SB)/8, $3
DATA xtsUp<>+0x38(SB)/8, $3
GLOBL xtsUp<>(SB), RODATA|NOPTR, $64

DATA xtsDown<>+0x00(SB)/8, $64
DATA xtsDown<>+0x08(SB)/8, $64
DATA xtsDown<>+0x10(SB)/8, $63
DATA xtsDown<>+0x18(SB)/8, $63
DATA xtsDown<>+0x20(SB)/8, $62
DATA xtsDown<>+0x28(SB)/8, $62
DATA xtsDown<>+0x30(SB)/8, $61
DATA xtsDown<>+0x38(SB)/8, $61
GLOBL xtsDown<>(SB), RODATA|NOPTR, $64

DATA xtsPolynomial<>+0(SB)/8, $0x87
DATA xtsPolynomial<>+8(SB)/8, $0
GLOBL xtsPolynomial<>(SB), RODATA|NOPTR, $16

// FOLD adds to out what fell out of the halves of a tweak, in carry; spare is overwritten.
#define FOLD(out, carry, spare) \
	VPSLLDQ    $8, carry, spare; \
	VPCLMULQDQ $0x01, Z31, carry, carry; \
	VPTERNLOGQ $0x96, carry, spare, out

// TWEAK sets out to the tweaks in Z8 times x to the k.
#define TWEAK(k, out, carry, spare) \
	VPSRLQ $(64-k), Z8, carry; \
	VPSLLQ $k, Z8, out; \
	FOLD(out, carry, spare)

// NEXT multiplies tweaks by x to the 32.
#define NEXT(tweaks, carry) \
	VPSRLDQ    $12, tweaks, carry; \
	VPCLMULQDQ $0x00, Z31, carry, carry; \
	VPSLLDQ    $4, tweaks, tweaks; \
	VPXORQ     carry, tweaks, tweaks

#define WHITEN(n, blocks, tweaks) \
	VPXORQ n*64(SI), Z16, blocks; \
	VPXORQ tweaks, blocks, blocks

#define FINISH(n, blocks, tweaks) \
	VPXORQ    tweaks, blocks, blocks; \
	VMOVDQU64 blocks, n*64(DI)

#define ROUND(op, key) \
	op key, Z0, Z0; \
	op key, Z1, Z1; \
	op key, Z2, Z2; \
	op key, Z3, Z3; \
	op key, Z4, Z4; \
	op key, Z5, Z5; \
	op key, Z6, Z6; \
	op key, Z7, Z7

#define KEYS \
	VBROADCASTI32X4 0x00(AX), Z16; \
	VBROADCASTI32X4 0x10(AX), Z17; \
	VBROADCASTI32X4 0x20(AX), Z18; \
	VBROADCASTI32X4 0x30(AX), Z19; \
	VBROADCASTI32X4 0x40(AX), Z20; \
	VBROADCASTI32X4 0x50(AX), Z21; \
	VBROADCASTI32X4 0x60(AX), Z22; \
	VBROADCASTI32X4 0x70(AX), Z23; \
	VBROADCASTI32X4 0x80(AX), Z24; \
	VBROADCASTI32X4 0x90(AX), Z25; \
	VBROADCASTI32X4 0xa0(AX), Z26; \
	VBROADCASTI32X4 0xb0(AX), Z27; \
	VBROADCASTI32X4 0xc0(AX), Z28; \
	VBROADCASTI32X4 0xd0(AX), Z29; \
	MOVQ            BX, CX; \
	SHLQ            $4, CX; \
	VBROADCASTI32X4 (AX)(CX*1), Z30

// XTS makes the tweaks of the first blocks of a sector from copies of the first tweak: that times x,
// x² and so on in one register, then in the others that register times powers of x.
// AX keys, BX rounds, DX tweaks, R8 sectors left, R9 chunks in a sector, R10 chunks left.
#define XTS(op, oplast) \
	MOVQ   keys+0(FP), AX; \
	MOVQ   rounds+8(FP), BX; \
	MOVQ   dst+16(FP), DI; \
	MOVQ   src+24(FP), SI; \
	MOVQ   tweaks+32(FP), DX; \
	MOVQ   sectors+40(FP), R8; \
	MOVQ   chunks+48(FP), R9; \
	KEYS; \
	VBROADCASTI32X4 xtsPolynomial<>(SB), Z31; \
sector: \
	VBROADCASTI32X4 (DX), Z9; \
	VPSRLVQ xtsDown<>(SB), Z9, Z0; \
	VPSLLVQ xtsUp<>(SB), Z9, Z8; \
	FOLD(Z8, Z0, Z1); \
	TWEAK(4, Z9, Z0, Z1); \
	TWEAK(8, Z10, Z2, Z3); \
	TWEAK(12, Z11, Z4, Z5); \
	TWEAK(16, Z12, Z6, Z7); \
	TWEAK(20, Z13, Z0, Z1); \
	TWEAK(24, Z14, Z2, Z3); \
	TWEAK(28, Z15, Z4, Z5); \
	ADDQ   $16, DX; \
	MOVQ   R9, R10; \
	JMP    chunk; \
next: \
	NEXT(Z8, Z0); \
	NEXT(Z9, Z1); \
	NEXT(Z10, Z2); \
	NEXT(Z11, Z3); \
	NEXT(Z12, Z4); \
	NEXT(Z13, Z5); \
	NEXT(Z14, Z6); \
	NEXT(Z15, Z7); \
chunk: \
	WHITEN(0, Z0, Z8); \
	WHITEN(1, Z1, Z9); \
	WHITEN(2, Z2, Z10); \
	WHITEN(3, Z3, Z11); \
	WHITEN(4, Z4, Z12); \
	WHITEN(5, Z5, Z13); \
	WHITEN(6, Z6, Z14); \
	WHITEN(7, Z7, Z15); \
	ROUND(op, Z17); \
	ROUND(op, Z18); \
	ROUND(op, Z19); \
	ROUND(op, Z20); \
	ROUND(op, Z21); \
	ROUND(op, Z22); \
	ROUND(op, Z23); \
	ROUND(op, Z24); \
	ROUND(op, Z25); \
	CMPQ   BX, $12; \
	JB     last; \
	ROUND(op, Z26); \
	ROUND(op, Z27); \
	JE     last; \
	ROUND(op, Z28); \
	ROUND(op, Z29); \
last: \
	ROUND(oplast, Z30); \
	FINISH(0, Z0, Z8); \
	FINISH(1, Z1, Z9); \
	FINISH(2, Z2, Z10); \
	FINISH(3, Z3, Z11); \
	FINISH(4, Z4, Z12); \
	FINISH(5, Z5, Z13); \
	FINISH(6, Z6, Z14); \
	FINISH(7, Z7, Z15); \
	ADDQ   $512, SI; \
	ADDQ   $512, DI; \
	DECQ   R10; \
	JNZ    next; \
	DECQ   R8; \
	JNZ    sector; \
	VZEROUPPER; \
	RET

// func xtsEncryptAVX512(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
TEXT ·xtsEncryptAVX512(SB), NOSPLIT, $0-56
	XTS(VAESENC, VAESENCLAST)

// func xtsDecryptAVX512(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
TEXT ·xtsDecryptAVX512(SB), NOSPLIT, $0-56
	XTS(VAESDEC, VAESDECLAST)
