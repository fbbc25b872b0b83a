// SPDX-License-Identifier: Apache-2.0

// AES and AES-XTS with the ARMv8 cryptographic extension: eight blocks at a time.
//
//	V0 to V7    blocks
//	V8 to V15   their tweaks
//	V16 to V28  round keys 0 to 12
//	V29, V30    the last but one and the last round key
//
// AESE and AESD add the round key first, so that the last key is added by itself.

#include "textflag.h"

// KEYS loads the round keys. R0: keys, R1: rounds; both are kept.
#define KEYS \
	MOVD   R0, R2; \
	VLD1.P 64(R2), [V16.B16, V17.B16, V18.B16, V19.B16]; \
	VLD1.P 64(R2), [V20.B16, V21.B16, V22.B16, V23.B16]; \
	VLD1.P 64(R2), [V24.B16, V25.B16, V26.B16, V27.B16]; \
	VLD1   (R2), [V28.B16]; \
	ADD    R1<<4, R0, R2; \
	SUB    $16, R2, R2; \
	VLD1   (R2), [V29.B16, V30.B16]

// ROUND8 is a round of eight blocks. add and mix fuse on most processors when they stand together.
#define ROUND8(add, mix, key) \
	add key.B16, V0.B16; \
	mix V0.B16, V0.B16; \
	add key.B16, V1.B16; \
	mix V1.B16, V1.B16; \
	add key.B16, V2.B16; \
	mix V2.B16, V2.B16; \
	add key.B16, V3.B16; \
	mix V3.B16, V3.B16; \
	add key.B16, V4.B16; \
	mix V4.B16, V4.B16; \
	add key.B16, V5.B16; \
	mix V5.B16, V5.B16; \
	add key.B16, V6.B16; \
	mix V6.B16, V6.B16; \
	add key.B16, V7.B16; \
	mix V7.B16, V7.B16

#define ROUND1(add, mix, key) \
	add key.B16, V0.B16; \
	mix V0.B16, V0.B16

// LAST8 is the last round of eight blocks without the last key.
#define LAST8(add) \
	add V29.B16, V0.B16; \
	add V29.B16, V1.B16; \
	add V29.B16, V2.B16; \
	add V29.B16, V3.B16; \
	add V29.B16, V4.B16; \
	add V29.B16, V5.B16; \
	add V29.B16, V6.B16; \
	add V29.B16, V7.B16

// ROUNDS is all rounds but the last, by one of the macros above; the label is where that follows.
#define ROUNDS(round, add, mix, label) \
	round(add, mix, V16); \
	round(add, mix, V17); \
	round(add, mix, V18); \
	round(add, mix, V19); \
	round(add, mix, V20); \
	round(add, mix, V21); \
	round(add, mix, V22); \
	round(add, mix, V23); \
	round(add, mix, V24); \
	CMP $12, R1; \
	BLT label; \
	round(add, mix, V25); \
	round(add, mix, V26); \
	BEQ label; \
	round(add, mix, V27); \
	round(add, mix, V28)

#define LOAD8 \
	VLD1.P 64(R4), [V0.B16, V1.B16, V2.B16, V3.B16]; \
	VLD1.P 64(R4), [V4.B16, V5.B16, V6.B16, V7.B16]

#define STORE8 \
	VST1.P [V0.B16, V1.B16, V2.B16, V3.B16], 64(R3); \
	VST1.P [V4.B16, V5.B16, V6.B16, V7.B16], 64(R3)

// ADD8 adds key to eight blocks.
#define ADD8(key) \
	VEOR key.B16, V0.B16, V0.B16; \
	VEOR key.B16, V1.B16, V1.B16; \
	VEOR key.B16, V2.B16, V2.B16; \
	VEOR key.B16, V3.B16, V3.B16; \
	VEOR key.B16, V4.B16, V4.B16; \
	VEOR key.B16, V5.B16, V5.B16; \
	VEOR key.B16, V6.B16, V6.B16; \
	VEOR key.B16, V7.B16, V7.B16

// WHITEN adds each block's tweak to it.
#define WHITEN \
	VEOR V8.B16, V0.B16, V0.B16; \
	VEOR V9.B16, V1.B16, V1.B16; \
	VEOR V10.B16, V2.B16, V2.B16; \
	VEOR V11.B16, V3.B16, V3.B16; \
	VEOR V12.B16, V4.B16, V4.B16; \
	VEOR V13.B16, V5.B16, V5.B16; \
	VEOR V14.B16, V6.B16, V6.B16; \
	VEOR V15.B16, V7.B16, V7.B16

// TWEAK puts the tweak in R10 (low half) and R11 into a register and multiplies it by x. R9: 0x87.
#define TWEAK(to) \
	VMOV R10, to.D[0]; \
	VMOV R11, to.D[1]; \
	AND  R11->63, R9, R12; \
	EXTR $63, R10, R11, R11; \
	EOR  R10<<1, R12, R10

// BLOCKS is the body of aesEncrypt and aesDecrypt: eight blocks at a time, then one at a time.
#define BLOCKS(add, mix) \
	MOVD keys+0(FP), R0; \
	MOVD rounds+8(FP), R1; \
	MOVD dst+16(FP), R3; \
	MOVD src+24(FP), R4; \
	MOVD blocks+32(FP), R5; \
	KEYS; \
	SUBS $8, R5, R5; \
	BLT  few; \
eight: \
	LOAD8; \
	ROUNDS(ROUND8, add, mix, last8); \
last8: \
	LAST8(add); \
	ADD8(V30); \
	STORE8; \
	SUBS $8, R5, R5; \
	BGE  eight; \
few: \
	ADDS $8, R5, R5; \
	BEQ  done; \
one: \
	VLD1.P 16(R4), [V0.B16]; \
	ROUNDS(ROUND1, add, mix, last1); \
last1: \
	add  V29.B16, V0.B16; \
	VEOR V30.B16, V0.B16, V0.B16; \
	VST1.P [V0.B16], 16(R3); \
	SUBS $1, R5, R5; \
	BNE  one; \
done: \
	RET

// XTS: R6 tweaks, R7 sectors left, R8 groups of eight blocks in a sector, R13 groups left.
#define XTS(add, mix) \
	MOVD keys+0(FP), R0; \
	MOVD rounds+8(FP), R1; \
	MOVD dst+16(FP), R3; \
	MOVD src+24(FP), R4; \
	MOVD tweaks+32(FP), R6; \
	MOVD sectors+40(FP), R7; \
	MOVD chunks+48(FP), R8; \
	LSL  $2, R8, R8; \
	MOVD $0x87, R9; \
	KEYS; \
sector: \
	LDP.P 16(R6), (R10, R11); \
	MOVD R8, R13; \
group: \
	LOAD8; \
	TWEAK(V8); \
	TWEAK(V9); \
	TWEAK(V10); \
	TWEAK(V11); \
	TWEAK(V12); \
	TWEAK(V13); \
	TWEAK(V14); \
	TWEAK(V15); \
	WHITEN; \
	ROUNDS(ROUND8, add, mix, last); \
last: \
	LAST8(add); \
	ADD8(V30); \
	WHITEN; \
	STORE8; \
	SUBS $1, R13, R13; \
	BNE  group; \
	SUBS $1, R7, R7; \
	BNE  sector; \
	RET

// func subWord(w uint32) uint32
//
// With four equal columns, ShiftRows changes nothing and AESE is SubBytes.
TEXT ·subWord(SB), NOSPLIT, $0-12
	MOVWU w+0(FP), R0
	VDUP  R0, V0.S4
	VEOR  V1.B16, V1.B16, V1.B16
	AESE  V1.B16, V0.B16
	VMOV  V0.S[0], R0
	MOVW  R0, ret+8(FP)
	RET

// func invMixColumns(key *byte)
TEXT ·invMixColumns(SB), NOSPLIT, $0-8
	MOVD   key+0(FP), R0
	VLD1   (R0), [V0.B16]
	AESIMC V0.B16, V0.B16
	VST1   [V0.B16], (R0)
	RET

// func aesEncrypt(keys *schedule, rounds int, dst, src *byte, blocks int)
TEXT ·aesEncrypt(SB), NOSPLIT, $0-40
	BLOCKS(AESE, AESMC)

// func aesDecrypt(keys *schedule, rounds int, dst, src *byte, blocks int)
TEXT ·aesDecrypt(SB), NOSPLIT, $0-40
	BLOCKS(AESD, AESIMC)

// func xtsEncryptNEON(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
TEXT ·xtsEncryptNEON(SB), NOSPLIT, $0-56
	XTS(AESE, AESMC)

// func xtsDecryptNEON(keys *schedule, rounds int, dst, src, tweaks *byte, sectors, chunks int)
TEXT ·xtsDecryptNEON(SB), NOSPLIT, $0-56
	XTS(AESD, AESIMC)
