// SPDX-License-Identifier: Apache-2.0

//go:build 386 || arm || mips || mipsle

package dm

import "golang.org/x/sys/unix"

// 32-bit architectures have a call of their own for 64-bit time.
const sysSemtimedop = unix.SYS_SEMTIMEDOP_TIME64
