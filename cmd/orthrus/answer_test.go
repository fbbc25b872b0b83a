// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// answers runs boot --answer as an ssh server does: by the name of a shell, with what came over ssh on standard input.
func answers(t *testing.T, dir, stdin string, as *syscall.Credential) (said string, code int) {
	t.Helper()
	open, err := os.MkdirTemp("", "answers-") // for any user
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(open)
	program := filepath.Join(open, "cryptroot-unlock") // which waits for a boot that is about to begin
	copyProgram(t, program)
	if err := os.Chmod(open, 0o755); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(program, "-c", "cat /etc/shadow")
	cmd.Env = append(os.Environ(), "ORTHRUS_RUN_DIR="+filepath.Join(dir, "state", "run"))
	cmd.Stdin, cmd.SysProcAttr = strings.NewReader(stdin), &syscall.SysProcAttr{Credential: as}
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// twoLocked returns a folder with a crypttab of two volumes: "pass one" opens one, "pass two" the other.
func twoLocked(t *testing.T) string {
	t.Helper()
	dir := formatted(t)
	for name, text := range map[string]string{
		"tab": "one a.img none\ntwo b.img none\n", "line": "quiet", "key": "pass two", "b.img": "",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(dir+"/b.img", 24<<20); err != nil {
		t.Fatal(err)
	}
	onTerminal(t, dir, append(cheap, "luksFormat", "-q", "b.img", "key")...).ends(0, "")
	return dir
}

// byTinyssh has a boot answered by dbclient through tinysshd, which have a /root and a /run of their own.
const byTinyssh = `
mount -t tmpfs -o mode=700 none /root
mount -t tmpfs none /run
mkdir -m 700 /root/.ssh
dropbearkey -t ed25519 -f person >/dev/null
dropbearkey -y -f person | grep ^ssh-ed25519 >/root/.ssh/authorized_keys
chmod 600 /root/.ssh/authorized_keys
tinysshd-makekey keys >/dev/null
PATH=$PWD:$PATH
unset ORTHRUS_RUN_DIR
orthrus boot --test-passphrase --crypttab tab --cmdline line </dev/null >boot.log 2>&1 &
printf 'wrong\npass one\npass two\n' | dbclient -y -y -T -i person -J "tinysshd -e cryptroot-unlock $PWD/keys" root@far
echo "answered: $?"
wait $!
echo "booted: $?"
`

func TestABootIsAnsweredThroughTinyssh(t *testing.T) {
	dir := twoLocked(t)
	for _, name := range []string{"orthrus", "cryptroot-unlock"} {
		copyProgram(t, filepath.Join(dir, name))
	}
	cmd := exec.Command("unshare", "-m", "sh", "-c", byTinyssh)
	cmd.Dir, cmd.SysProcAttr = dir, &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	out, err := cmd.CombinedOutput()
	for _, want := range []string{"Wrong passphrase for one.", "one is unlocked", "two is unlocked", "answered: 0\n", "booted: 0\n"} {
		if err != nil || !strings.Contains(string(out), want) {
			t.Fatalf("%v: nobody said %q: %s", err, want, out)
		}
	}
}

// TestABootIsAnsweredFromElsewhere: two volumes with two passphrases, asked for at a console and answered at the socket.
func TestABootIsAnsweredFromElsewhere(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Fatal("the socket is root's: run this as root")
	}
	dir := twoLocked(t)
	t.Setenv("ORTHRUS_RUN_DIR", filepath.Join(dir, "state", "run"))
	boot := calledOnTerminal(t, "orthrus", dir, "boot", "--test-passphrase", "--crypttab", "tab", "--cmdline", "line")
	if said, code := answers(t, dir, "pass one\n", &syscall.Credential{Uid: nobody, Gid: nobody}); code == 0 || !strings.Contains(said, "denied") {
		t.Errorf("not as root: exit code %d, %q", code, said)
	}
	if said, code := answers(t, dir, "", nil); code != 1 || !strings.Contains(said, "Nothing to read on input.") {
		t.Errorf("without a passphrase: exit code %d, %q", code, said)
	}
	if said, code := answers(t, dir, "wrong\n", nil); code != 2 || !strings.Contains(said, "Wrong passphrase for one.") {
		t.Errorf("a wrong one: exit code %d, %q", code, said)
	}
	said, code := answers(t, dir, "pass one\nno\npass two\n", nil)
	if code != 0 || !strings.Contains(said, "one is unlocked") || !strings.Contains(said, "Wrong passphrase for two.") ||
		!strings.Contains(said, "two is unlocked") || strings.Contains(said, "pass one") {
		t.Errorf("exit code %d, %q", code, said)
	}
	boot.ends(0, "")
	if _, err := os.Stat(filepath.Join(dir, "state", "run", "ask")); !os.IsNotExist(err) {
		t.Errorf("the socket stays: %v", err)
	}
}
