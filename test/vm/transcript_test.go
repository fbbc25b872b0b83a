// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"errors"
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
		for _, disk := range []string{"a", "b", "a4k"} { // the recorded volume may lie there, too
			clearHeads(t, machine.DiskPath(t, disk))
		}
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

// clearHeads zeroes where headers lie.
func clearHeads(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err == nil {
		_, err = f.WriteAt(make([]byte, 16<<20), 0)
		err = errors.Join(err, f.Sync(), f.Close())
	}
	if err != nil {
		t.Fatal(err)
	}
}
