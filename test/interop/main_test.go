// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// bench are the programs under comparison; TestMain fills it before any test runs.
var bench struct {
	ours tool
	// Debian's releases: 12 has 2.6.1, the one that most exact comparisons are made with, and 13 has
	// 2.7.5.
	bookworm, trixie tool
}

func TestMain(m *testing.M) {
	if os.Getenv(measureEnv) != "" {
		os.Exit(measureChild())
	}
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "orthrus-interop-")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	if err := os.Setenv("ORTHRUS_STATE_DIR", filepath.Join(dir, "state")); err != nil {
		return fail(err)
	}
	if bench.ours, err = build(dir); err != nil {
		return fail(err)
	}
	if bench.bookworm, err = peer("bookworm"); err != nil {
		return fail(err)
	}
	if bench.trixie, err = peer("trixie"); err != nil {
		return fail(err)
	}
	return m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// build makes our binary, which is then called by cryptsetup's name.
func build(dir string) (tool, error) {
	path := filepath.Join(dir, "cryptsetup")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", path, "github.com/orthrus-luks/orthrus/cmd/orthrus")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return tool{}, fmt.Errorf("go build cmd/orthrus: %w\n%s", err, out)
	}
	return tool{name: "orthrus", path: path}, nil
}

// peer finds a release of the real cryptsetup.
func peer(suite string) (tool, error) {
	path, err := machine.Peer(suite)
	if err != nil {
		return tool{}, fmt.Errorf("%w: run ./scripts/setup", err)
	}
	return tool{name: suite, path: path}, nil
}
