// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os"
	"os/exec"
	"testing"

	"github.com/orthrus-luks/orthrus/test/transcript"
	"github.com/orthrus-luks/orthrus/test/vectors"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestRecordedSessionsOnARealKernel plays every recorded session, with mappings, in the directory in
// which they were recorded.
func TestRecordedSessionsOnARealKernel(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		machine.LoadModule(t, "loop")
		bin := t.TempDir()
		path, err := exec.LookPath("orthrus")
		if err == nil {
			err = os.Symlink(path, bin+"/cryptsetup")
		}
		if err == nil {
			err = os.MkdirAll("/run/t", 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = exec.Command("losetup", "-D").Run() })
		p := &transcript.Player{Dir: "/run/t", Bin: bin}
		if err := p.Prepare(); err != nil {
			t.Fatal(err)
		}
		for _, session := range vectors.Sessions() {
			differences, err := p.Play(session)
			if err != nil {
				t.Fatal(err)
			}
			for _, d := range differences {
				t.Error(d)
			}
		}
		t.Log(p.Table())
	})
}
