// SPDX-License-Identifier: Apache-2.0

#include "go_asm.h"
#include "textflag.h"

// func entry()
TEXT ·entry(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	// The kernel put argc and argv at RSP: they stay where they are.
	SUB  $32, RSP
	MOVD $0, R0
	MOVD $9, R1 // RLIMIT_AS
	MOVD $0, R2
	MOVD RSP, R3
	MOVD $261, R8 // prlimit64
	SVC
	MOVD 0(RSP), R4 // the soft limit, bytes
	ADD  $32, RSP
	CBNZ R0, start
	MOVD $const_leastAddresses, R5
	CMP  R5, R4
	BHS  start
	MOVD $2, R0
	MOVD ·tooFew(SB), R1
	MOVD ·tooFew+8(SB), R2
	MOVD $64, R8 // write
	SVC
	MOVD $3, R0
	MOVD $94, R8 // exit_group
	SVC

start:
	JMP _rt0_arm64_linux(SB)
