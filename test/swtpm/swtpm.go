// SPDX-License-Identifier: Apache-2.0

// Package swtpm starts TPMs in software for tests.
package swtpm

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// TPM is one that runs until its test ends.
type TPM struct {
	// Device is what programs call it: "swtpm:host=127.0.0.1,port=…".
	Device string

	t    *testing.T
	dir  string
	port int
	run  *exec.Cmd
}

// Start starts one with a state that was kept, or a new one where that is empty.
func Start(t *testing.T, state []byte) *TPM {
	t.Helper()
	e := &TPM{t: t, dir: t.TempDir()}
	if len(state) > 0 {
		if err := os.WriteFile(filepath.Join(e.dir, "tpm2-00.permall"), state, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for range 20 { // somebody else may take a port first
		if e.start() == nil {
			t.Cleanup(e.stop)
			return e
		}
	}
	t.Fatal("swtpm does not start: run ./scripts/setup")
	return nil
}

func (e *TPM) start() error {
	port, err := twoPorts()
	if err != nil {
		return err
	}
	e.port, e.Device = port, fmt.Sprintf("swtpm:host=127.0.0.1,port=%d", port)
	address := func(port int) string { return "type=tcp,bindaddr=127.0.0.1,port=" + strconv.Itoa(port) }
	e.run = exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+e.dir, "--server", address(port),
		"--ctrl", address(port+1), "--flags", "not-need-init,startup-clear")
	if err := e.run.Start(); err != nil {
		return err
	}
	for range 100 {
		c, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		if err == nil {
			return c.Close()
		}
		time.Sleep(50 * time.Millisecond)
	}
	e.stop()
	return errors.New("it does not answer")
}

// twoPorts finds a free one with a free one behind it.
func twoPorts() (int, error) {
	for range 50 {
		one, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return 0, err
		}
		port := one.Addr().(*net.TCPAddr).Port
		two, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", port+1))
		_ = one.Close()
		if err == nil {
			return port, two.Close()
		}
	}
	return 0, errors.New("no two ports in a row are free")
}

func (e *TPM) stop() {
	_ = e.run.Process.Kill()
	_ = e.run.Wait()
}

// Tool runs a program of tpm2-tools on the TPM and returns what it prints.
func (e *TPM) Tool(args ...string) string {
	e.t.Helper()
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Env = append(os.Environ(), "TPM2TOOLS_TCTI="+e.Device)
	out, err := cmd.CombinedOutput()
	if err != nil {
		e.t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return string(out)
}

// Extend extends a register: "7:sha256=" and 64 digits.
func (e *TPM) Extend(what ...string) {
	e.t.Helper()
	e.Tool(append([]string{"tpm2_pcrextend"}, what...)...)
}

// Flush drops what other programs have left in it: there is no resource manager before it.
func (e *TPM) Flush() {
	e.t.Helper()
	for _, kind := range []string{"-t", "-l", "-s"} {
		e.Tool("tpm2_flushcontext", kind)
	}
}

// Loaded lists what is loaded: nothing is where programs clear up behind them.
func (e *TPM) Loaded() string {
	e.t.Helper()
	return e.Tool("tpm2_getcap", "handles-transient") + e.Tool("tpm2_getcap", "handles-loaded-session")
}

// Failed is how many wrong tries the TPM counts.
func (e *TPM) Failed() string {
	e.t.Helper()
	return e.Tool("sh", "-c", "tpm2_getcap properties-variable | sed -n 's/^TPM2_PT_LOCKOUT_COUNTER: //p'")
}
