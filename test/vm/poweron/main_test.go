// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// workDir is where images and what they are made of lie, until the tests end.
var workDir string

func TestMain(m *testing.M) {
	machine.Init()
	var err error
	if workDir, err = os.MkdirTemp("", "orthrus-boot-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(workDir)
	os.Exit(code)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// images are made once, by the first test that needs them.
var images = struct {
	sync.Mutex
	made map[string]string
}{made: map[string]string{}}

func imageOf(t *testing.T, k Maker) string {
	t.Helper()
	images.Lock()
	defer images.Unlock()
	if images.made[k.Name] == "" {
		file, err := k.Make(t.Context(), workDir)
		must(t, err)
		images.made[k.Name] = file
	}
	return images.made[k.Name]
}

// shell runs a script in the guest, which must say what is wanted.
func shell(t *testing.T, m *machine.Machine, script, want string) {
	t.Helper()
	out, err := Script(t.Context(), m, script)
	if err != nil || !strings.Contains(out, want) {
		t.Fatalf("%s: %v; wanted %q in\n%s", script, err, want, out)
	}
}
