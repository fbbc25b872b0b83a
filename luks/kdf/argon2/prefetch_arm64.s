// SPDX-License-Identifier: Apache-2.0

//go:build !purego

#include "textflag.h"

#define TWO(off) \
	PRFM off(R0), PLDL1KEEP \
	PRFM off+64(R0), PLDL1KEEP

// func prefetch(b *block)
TEXT ·prefetch(SB), NOSPLIT, $0-8
	MOVD b+0(FP), R0
	TWO(0)
	TWO(128)
	TWO(256)
	TWO(384)
	TWO(512)
	TWO(640)
	TWO(768)
	TWO(896)
	RET
