// SPDX-License-Identifier: Apache-2.0

#include "go_asm.h"
#include "textflag.h"

// func entry()
TEXT ·entry(SB), NOSPLIT|NOFRAME|TOPFRAME, $0
	// The kernel put argc and argv at SP: they stay where they are.
	SUBQ $32, SP
	MOVL $97, AX // getrlimit
	MOVL $9, DI  // RLIMIT_AS
	MOVQ SP, SI
	SYSCALL
	MOVQ 0(SP), CX // the soft limit, bytes
	ADDQ $32, SP
	TESTQ AX, AX
	JNE  start
	CMPQ CX, $const_leastAddresses
	JCC  start
	MOVL $1, AX // write
	MOVL $2, DI
	MOVQ ·tooFew(SB), SI
	MOVQ ·tooFew+8(SB), DX
	SYSCALL
	MOVL $231, AX // exit_group
	MOVL $3, DI
	SYSCALL

start:
	JMP _rt0_amd64_linux(SB)
