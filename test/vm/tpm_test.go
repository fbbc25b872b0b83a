// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// emulatedTPM starts a TPM in software and returns what gives it to QEMU as a chip that the kernel has a driver for.
func emulatedTPM(t *testing.T) []string {
	t.Helper()
	dir, err := os.MkdirTemp("", "tpm") // short, for a socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	socket := filepath.Join(dir, "ctrl")
	cmd := exec.Command("swtpm", "socket", "--tpm2", "--tpmstate", "dir="+dir, "--ctrl", "type=unixio,path="+socket)
	if err := cmd.Start(); err != nil {
		t.Fatal("run ./scripts/setup: ", err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	for range 100 {
		if _, err := os.Stat(socket); err == nil {
			break
		}
		time.Sleep(50 * time.Millisecond)
	}
	return []string{
		"-chardev", "socket,id=tpm,path=" + socket, "-tpmdev", "emulator,id=tpm0,chardev=tpm",
		"-device", "tpm-crb,tpmdev=tpm0",
	}
}

// tpmGuest is a machine with a TPM, in which a shell runs what a test says.
type tpmGuest struct {
	*machine.Machine
	t *testing.T
}

// sh runs a script that is to end with a code, and returns all it printed.
func (g tpmGuest) sh(code int, script string) string {
	g.t.Helper()
	ctx, cancel := context.WithTimeout(g.t.Context(), pace.Limit(90*time.Second))
	defer cancel()
	var out bytes.Buffer
	got, err := g.Run(ctx, machine.Command{Args: []string{"sh", "-c", script}, Stdout: &out, Stderr: &out})
	if err != nil || got != code {
		g.t.Fatalf("%s: exit %d, want %d, %v\n%s", script, got, code, err, out.String())
	}
	return out.String()
}

// says is sh, whose output has to have these words.
func (g tpmGuest) says(code int, script string, words ...string) {
	g.t.Helper()
	out := g.sh(code, script)
	for _, w := range words {
		if !strings.Contains(out, w) {
			g.t.Errorf("%s: %q is missing in\n%s", script, w, out)
		}
	}
}

// extendSeven gives the kernel's device a TPM2_PCR_Extend of register 7, with SHA-256.
const extendSeven = `exec 3<>/dev/tpmrm0
printf '\200\002\000\000\000\101\000\000\001\202\000\000\000\007\000\000\000\011\100\000\000\011\000\000\001\000\000` +
	`\000\000\000\001\000\013\001\002\003\004\005\006\007\010\001\002\003\004\005\006\007\010` +
	`\001\002\003\004\005\006\007\010\001\002\003\004\005\006\007\010' >&3
dd bs=4096 count=1 <&3 2>/dev/null | od -An -tx1`

// TestTheTPMOpensAtBoot by the kernel's own driver: without anybody, with a PIN that is typed where passphrases are,
// and not in another state.
func TestTheTPMOpensAtBoot(t *testing.T) {
	if machine.IsInside() {
		return
	}
	m, err := machine.Start(t.Context(), machine.Config{
		Memory: 256, QEMUArgs: emulatedTPM(t), Programs: []string{"sh", "cat", "dd", "od", "sleep", "printf"},
		Modules: []string{"dm-mod", "dm-crypt", "aesni-intel", "xts"},
		Build:   []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
		Disks:   []machine.Disk{{Name: "a", Size: 64 << 20}},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	g := tpmGuest{m, t}
	g.sh(0, `printf pw >/k; printf 1234 >/pin
orthrus luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --uuid 11111111-2222-4333-8444-555555555555 /dev/vda /k
printf 'v UUID=11111111-2222-4333-8444-555555555555 none luks\n' >/tab
printf 'v UUID=11111111-2222-4333-8444-555555555555 none luks,tpm2-device=no,headless\n' >/tabno; : >/line`)
	g.sh(0, extendSeven)
	g.says(0, "orthrus enroll add --tpm2 --key-file /k /dev/vda", "Keyslot 1 created, with token 0", "storage key")
	g.says(0, "orthrus enroll check /dev/vda", "opens now")
	boot := "orthrus boot --crypttab /tab --cmdline /line"
	g.says(0, boot+" && orthrus status v && orthrus close v", "v is unlocked, with token 0 (systemd-tpm2).", "is active")
	g.sh(2, "orthrus boot --crypttab /tabno --cmdline /line")
	g.says(0, "orthrus open /dev/vda w </dev/null && orthrus close w")

	g.says(0, "orthrus enroll add --tpm2 --tpm2-with-pin --pin-file /pin --key-file /k /dev/vda", "with token 1")
	g.sh(0, "orthrus -q enroll remove --key-file /k /dev/vda 1")
	g.says(0, "( while ! orthrus boot --answer </pin; do sleep 0.3; done ) & "+boot+"; code=$?; orthrus close v; exit $code",
		"v is unlocked, with token 1 (systemd-tpm2).")

	g.says(0, extendSeven, "80 02")
	g.says(1, "orthrus enroll check /dev/vda", "does not open now: the system is in another state than at enrolment")
	g.says(0, "( while ! orthrus boot --answer </k; do sleep 0.3; done ) & "+boot+"; code=$?; orthrus close v; exit $code",
		"v: token 1 (systemd-tpm2): the system is in another state than at enrolment",
		"v is unlocked, with a passphrase from")
}
