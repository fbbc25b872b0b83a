// SPDX-License-Identifier: Apache-2.0

//go:build !purego

#include "textflag.h"

#define TWO(off) \
	PREFETCHT0 off(DI) \
	PREFETCHT0 off+64(DI)

// func prefetch(b *block)
TEXT ·prefetch(SB), NOSPLIT, $0-8
	MOVQ b+0(FP), DI
	TWO(0)
	TWO(128)
	TWO(256)
	TWO(384)
	TWO(512)
	TWO(640)
	TWO(768)
	TWO(896)
	RET
