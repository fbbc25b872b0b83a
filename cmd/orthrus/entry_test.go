// SPDX-License-Identifier: Apache-2.0

//go:build amd64 || arm64

package main

import (
	"os/exec"
	"path/filepath"
	"reflect"
	"runtime"
	"strconv"
	"strings"
	"testing"
)

// started is the program as the Makefile has it linked.
func started(t *testing.T) string {
	t.Helper()
	flag, err := exec.Command("../../scripts/entry").Output()
	if err != nil {
		t.Fatal(err)
	}
	symbol := runtime.FuncForPC(reflect.ValueOf(entry).Pointer()).Name()
	if want := "-E main." + symbol[strings.LastIndexByte(symbol, '.')+1:]; !strings.HasPrefix(string(flag), want) {
		t.Fatalf("the Makefile's flag is %q, want %q", flag, want)
	}
	program := filepath.Join(t.TempDir(), "orthrus")
	build := exec.Command("go", "build", "-ldflags", "-s -w "+string(flag), "-o", program, ".")
	build.Env = append(build.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

func TestTooFewAddressesAreNotAWrongPassphrase(t *testing.T) {
	program := started(t)
	for _, c := range []struct {
		limit string // KiB
		code  int
		says  string
	}{
		{"unlimited", 0, "orthrus "},
		{"4000000", 0, "orthrus "},
		{strconv.Itoa(leastAddresses >> 10), 0, "orthrus "},
		{strconv.Itoa(leastAddresses>>10 - 1), 3, tooFew},
		{"1200000", 3, tooFew}, // the runtime's reservations leave no room for its heap here
		{"400000", 3, tooFew},
		{"60000", 3, tooFew},
	} {
		cmd := exec.Command("sh", "-c", `ulimit -v "$1" && exec "$0" --version`, program, c.limit)
		out, err := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.HasPrefix(string(out), c.says) {
			t.Errorf("%s KiB: exit code %d, want %d, %v: %s", c.limit, code, c.code, err, out)
		}
	}
}
