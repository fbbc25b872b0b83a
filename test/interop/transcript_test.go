// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/transcript"
)

// TestRecordedSessions gives the recorded commands to our program, those apart that need the kernel:
// the virtual machine has them.
func TestRecordedSessions(t *testing.T) {
	fmt.Print(replay(t, filepath.Dir(bench.ours.path)))
}

// foreign is a processor, and what runs its programs here; "" for the kernel itself.
type foreign struct{ arch, emulator string }

// TestRecordedSessionsOnOtherProcessors runs them with a 32-bit build and an arm64 build, the latter
// under emulation: the whole command line is usable there.
func TestRecordedSessionsOnOtherProcessors(t *testing.T) {
	all := []foreign{thirtyTwoBits(t), {"arm64", "qemu-aarch64-static"}}
	for _, f := range part.Of(t, "processors", all, all[:1]) {
		t.Run(f.arch, func(t *testing.T) {
			t.Parallel()
			fmt.Printf("%s: %s", f.arch, replay(t, f.install(t)))
		})
	}
}

// thirtyTwoBits is the 386, or an emulated ARM where the kernel runs no programs of the former.
func thirtyTwoBits(t *testing.T) foreign {
	t.Helper()
	arch, err := exec.Command("../../scripts/arch32").Output()
	if err != nil {
		t.Fatal(err)
	}
	if strings.TrimSpace(string(arch)) == "386" {
		return foreign{arch: "386"}
	}
	return foreign{"arm", "qemu-arm-static"}
}

// install builds our program for the processor and returns a directory with a "cryptsetup" that starts it.
func (f foreign) install(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	program := filepath.Join(dir, "program")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", program, "github.com/orthrus-luks/orthrus/cmd/orthrus")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+f.arch)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	script := "#!/bin/bash\nexec -a cryptsetup " + program + " \"$@\"\n"
	if f.emulator != "" {
		if _, err := exec.LookPath(f.emulator); err != nil {
			t.Fatalf("%v: run ./scripts/setup", err)
		}
		script = "#!/bin/sh\nexec " + f.emulator + " -0 cryptsetup " + program + " \"$@\"\n"
	}
	if err := os.WriteFile(filepath.Join(dir, "cryptsetup"), []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
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
