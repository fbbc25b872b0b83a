// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
)

// TestMain lets the test binary, which is static, stand in for the program in an image.
func TestMain(m *testing.M) {
	if strings.TrimPrefix(filepath.Base(os.Args[0]), "-") != filepath.Base(remoteShell) {
		os.Exit(m.Run())
	}
	typed, _ := io.ReadAll(os.Stdin)
	fmt.Printf("answers with %q\n", typed)
	os.Exit(7)
}

// asRoot fails where the test cannot have a root of its own.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Fatal("chroot is root's alone: make test-unit runs this as root")
	}
}

// key makes an ssh key and returns its public line.
func key(t *testing.T, file string) string {
	t.Helper()
	if out, err := exec.Command("dropbearkey", "-t", "ed25519", "-f", file).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	out, err := exec.Command("dropbearkey", "-y", "-f", file).Output()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "ssh-ed25519 ") {
			return line
		}
	}
	t.Fatalf("%v %s", err, out)
	return ""
}

// configured is a folder as Debian has it, for a server at a port of this host.
func configured(t *testing.T, port int, public string) string {
	t.Helper()
	dir := t.TempDir()
	key(t, dir+"/dropbear_ed25519_host_key")
	for name, text := range map[string]string{
		"authorized_keys": "# one\n" + public, "dropbear.conf": fmt.Sprintf("DROPBEAR_OPTIONS=\"-p 127.0.0.1:%d\"\n", port),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// chrooted is a program in an image, in a mount namespace of its own that has devices and pseudoterminals.
func chrooted(dir string, argv ...string) *exec.Cmd {
	const enter = `mount --bind /dev "$0/dev" && mkdir -p "$0/dev/pts" && mount -t devpts devpts "$0/dev/pts" &&
mount -t proc proc "$0/proc" && exec chroot "$0" "$@"`
	cmd := exec.Command("unshare", append([]string{"-m", "sh", "-c", enter, dir}, argv...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

// comesIn runs dbclient until the server has come up.
func comesIn(t *testing.T, port int, key, typed string, more ...string) (said string, code int) {
	t.Helper()
	for end := time.Now().Add(pace.Limit(20 * time.Second)); ; time.Sleep(50 * time.Millisecond) {
		args := append([]string{"-y", "-y", "-T", "-i", key, "-p", fmt.Sprint(port), "root@127.0.0.1"}, more...)
		cmd := exec.Command("dbclient", args...)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir())
		cmd.Stdin = strings.NewReader(typed)
		out, _ := cmd.CombinedOutput()
		if !strings.Contains(string(out), "Connection refused") || time.Now().After(end) {
			return string(out), cmd.ProcessState.ExitCode()
		}
	}
}

// TestDropbearOfAnImageLeadsToTheProgramAlone: this machine's dropbear with the libraries, keys and arguments of an
// image, in that image's own root.
func TestDropbearOfAnImageLeadsToTheProgramAlone(t *testing.T) {
	asRoot(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	l.Close()
	keys := t.TempDir()
	key(t, keys+"/stranger")
	found := Remote{}
	if err := (System{Root: "/"}).serve(t.Context(), &found, "/sbin/dropbear", remotePrograms[0].at); err != nil {
		t.Fatal(err)
	}
	folder := configured(t, port, `command="cat /etc/passwd" `+key(t, keys+"/person"))
	if err := found.configuration(t.Context(), []string{folder}); err != nil {
		t.Fatal(err)
	}
	f := remoteFacts()
	f.Remote = found
	p, err := f.Plan()
	if err != nil {
		t.Fatal(err)
	}
	p.Modules = nil // which are in no folder here
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := unpacked(t, p, "/", self)
	server := chrooted(dir, append([]string{"/sbin/dropbear"}, p.Remote...)...)
	var log bytes.Buffer
	server.Stdout, server.Stderr = &log, &log
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() {
		_ = server.Process.Kill() // SIGTERM between its look at the flag and its wait would be for the next visitor
		if _ = server.Wait(); t.Failed() {
			t.Logf("%s", log.String())
		}
	}()
	for _, command := range [][]string{nil, {"cat", "/etc/passwd"}, {"-s", "sftp"}} {
		said, code := comesIn(t, port, keys+"/person", "pass\n", command...)
		if code != 7 || !strings.Contains(said, `answers with "pass\n"`) || strings.Contains(said, "root:") {
			t.Errorf("%q: exit code %d, %s", command, code, said)
		}
	}
	if said, code := comesIn(t, port, keys+"/stranger", "pass\n"); code == 0 || strings.Contains(said, "answers") {
		t.Errorf("a key that nobody knows: exit code %d, %s", code, said)
	}
}

func TestWhatAServerLacksIsNamed(t *testing.T) {
	empty := t.TempDir()
	onlyHost := t.TempDir()
	for name, text := range map[string]string{"dropbear_rsa_host_key": "key", "authorized_keys": "# nobody\n"} {
		if err := os.WriteFile(filepath.Join(onlyHost, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for folder, want := range map[string]string{
		empty:    "no host key: dropbearkey -t ed25519 -f " + empty + "/dropbear_ed25519_host_key",
		onlyHost: "nobody may answer: " + onlyHost + "/authorized_keys has no key",
	} {
		var r Remote
		if err := r.configuration(t.Context(), []string{folder}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
	if err := (System{Root: "/"}).serve(t.Context(), &Remote{}, "/sbin/x", []string{empty + "/x"}); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}
