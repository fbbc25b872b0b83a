// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/test/transcript"
)

// TestRecordedSessions gives the recorded commands to our program, those apart that need the kernel:
// the virtual machine has them.
func TestRecordedSessions(t *testing.T) {
	fmt.Print(replay(t, filepath.Dir(bench.ours.path)))
}

// TestRecordedSessionsOnOtherProcessors runs them with a 32-bit build and an arm64 build, the latter
// under emulation and with ORTHRUS_LONG only: the whole command line is usable there.
func TestRecordedSessionsOnOtherProcessors(t *testing.T) {
	archs := map[string]string{"386": ""}
	if os.Getenv("ORTHRUS_LONG") != "" {
		archs["arm64"] = "qemu-aarch64-static"
	}
	for arch, emulator := range archs {
		t.Run(arch, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			program := filepath.Join(dir, "program")
			cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/orthrus-luks/orthrus/cmd/orthrus")
			cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+arch)
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			script := "#!/bin/bash\nexec -a cryptsetup " + program + " \"$@\"\n"
			if emulator != "" {
				if _, err := exec.LookPath(emulator); err != nil {
					t.Fatalf("%v: run ./scripts/setup", err)
				}
				script = "#!/bin/sh\nexec " + emulator + " -0 cryptsetup " + program + " \"$@\"\n"
			}
			if err := os.WriteFile(filepath.Join(dir, "cryptsetup"), []byte(script), 0o755); err != nil {
				t.Fatal(err)
			}
			fmt.Printf("%s: %s", arch, replay(t, dir))
		})
	}
}

// replay plays the sessions with the program in bin, and returns the table.
func replay(t *testing.T, bin string) string {
	t.Helper()
	p := &transcript.Player{Dir: t.TempDir(), Bin: bin}
	if err := p.Prepare(); err != nil {
		t.Fatal(err)
	}
	for _, session := range []string{"format", "keys", "dump", "tokens", "backup", "help"} {
		differences, err := p.Play(session)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range differences {
			t.Error(d)
		}
	}
	return p.Table()
}
