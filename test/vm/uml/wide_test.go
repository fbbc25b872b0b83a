// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// User-Mode Linux up to 6.12 saves the registers of its processes into a block of 2,696 bytes. On
// processors with AMX tiles they take more, the host takes back nothing but the whole
// (arch/x86/kernel/fpu/regset.c), and no process starts. Kept from the interface for them, it takes
// PTRACE_SETFPREGS, which has no more than the SSE registers; programs inside then do without the wider
// ones, which are lost at every page fault.

// narrow is set for a process that hides the interface and becomes another program.
const narrow = "ORTHRUS_UML_NARROW"

// without are arguments for a kernel, which go into the environment of what it runs: programs in Go, the
// C library and OpenSSL do without the wider registers.
var without = []string{"GODEBUG=cpu.all=off", "GLIBC_TUNABLES=glibc.cpu.hwcaps=-AVX,-AVX2,-AVX512F,-AVX512VL,-AVX_Fast_Unaligned_Load,-RTM", "OPENSSL_ia32cap=0:0"}

var tiles = regexp.MustCompile(`(?m)^flags\s.*\bamx_tile\b`)

// wide tells whether the processor's registers are more than User-Mode Linux can save.
func wide(t *testing.T) bool {
	t.Helper()
	info, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		t.Fatal(err)
	}
	return tiles.Match(info)
}

// hidden is exec.CommandContext, kept from the interface.
func hidden(ctx context.Context, program string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "/proc/self/exe", append([]string{program}, args...)...)
	cmd.Env = append(os.Environ(), narrow+"=1")
	return cmd
}

func TestMain(m *testing.M) {
	if os.Getenv(narrow) != "" {
		fmt.Fprintln(os.Stderr, becomeNarrow(os.Args[1:]))
		os.Exit(1)
	}
	if plan := os.Getenv(cellsEnv); plan != "" {
		if err := tryCells(plan); err != nil {
			fmt.Println("FAIL cells:", err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// becomeNarrow runs the program in this process, for which PTRACE_GETREGSET of all registers fails. It
// returns only with an error.
func becomeNarrow(argv []string) error {
	program, err := exec.LookPath(argv[0])
	if err != nil {
		return err
	}
	const (
		number = 0  // of the system call, in struct seccomp_data
		first  = 16 // argument; each has 8 bytes
		third  = first + 2*8
	)
	filter := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: number},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.SYS_PTRACE, Jf: 5},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: first},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.PTRACE_GETREGSET, Jf: 3},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: third},
		{Code: unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K, K: unix.NT_X86_XSTATE, Jf: 1},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ERRNO | uint32(unix.ENODEV)},
		{Code: unix.BPF_RET | unix.BPF_K, K: unix.SECCOMP_RET_ALLOW},
	}
	runtime.LockOSThread() // the filter is this thread's, which becomes the program
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	prog := unix.SockFprog{Len: uint16(len(filter)), Filter: &filter[0]}
	if err := unix.Prctl(unix.PR_SET_SECCOMP, unix.SECCOMP_MODE_FILTER, uintptr(unsafe.Pointer(&prog)), 0, 0); err != nil {
		return err
	}
	return syscall.Exec(program, argv, os.Environ())
}
