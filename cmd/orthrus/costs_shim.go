// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"runtime"
	"time"

	"github.com/orthrus-luks/orthrus/luks/kdf"
)

type kdfRequest struct {
	Type, Hash         string
	Target             time.Duration
	MaxMemory, MaxCPUs uint32
	KeySize            int
}

func calibrate(_ context.Context, r kdfRequest) (kdf.Params, error) {
	if r.Type == kdf.PBKDF2 {
		return kdf.Params{Type: r.Type, Hash: r.Hash, Iterations: uint32(r.Target/time.Millisecond) * 4000}, nil
	}
	return kdf.Params{Type: r.Type, Time: 4, Memory: 1 << 18, CPUs: min(r.MaxCPUs, uint32(runtime.NumCPU()))}, nil
}
func openingAdmit(kdf.Params) error  { return nil }
func creationAdmit(kdf.Params) error { return nil }
func cpusOnline() int                { return runtime.NumCPU() }

func measurePBKDF2(context.Context, string) (float64, error) { return 4e6, nil }
