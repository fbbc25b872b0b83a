// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets the test binary stand in for the program under both of its names.
func TestMain(m *testing.M) {
	program := func() { os.Exit(run(os.Args)) }
	testscript.Main(m, map[string]func(){"cryptsetup": program, "orthrus": program})
}

// TestScript runs testdata/script/*.txtar, none of which needs device-mapper. Each starts with k1,
// k2 and kw beside it: two passphrases and a wrong one, without a newline.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               writeKeyFiles,
		Cmds:                map[string]func(*testscript.TestScript, bool, []string){"exits": exits},
	})
}

func writeKeyFiles(env *testscript.Env) error {
	var errs []error
	for name, passphrase := range map[string]string{"k1": "pass one", "k2": "pass two", "kw": "wrong"} {
		errs = append(errs, os.WriteFile(filepath.Join(env.WorkDir, name), []byte(passphrase), 0o600))
	}
	return errors.Join(errs...)
}

// exits runs a program and wants this very exit code: "exits 2 cryptsetup open …".
func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}
