// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// The machine far away has one network card, which QEMU answers DHCP on.
const networkCard = "virtio-net-pci,netdev=net,romfile="

// remotely are makers of images that are unlocked over ssh: ours brings dropbear by itself, initramfs-tools by the
// hook of dropbear-initramfs.
func remotely() []Maker {
	tools := InitramfsTools
	tools.script = "echo virtio_net >>/etc/initramfs-tools/modules\n" + tools.script
	ours := Ours
	for _, k := range []*Maker{&ours, &tools} {
		k.Name += "-remote"
		k.stage = stageDropbear
		k.qemu = []string{"-netdev", "user,id=net,restrict=on", "-device", networkCard}
		k.load = []string{"virtio_net"}
	}
	return []Maker{ours, tools}
}

// sshKey makes a key in dir, once, and returns its public line.
func sshKey(dir, name string) (file, public string, err error) {
	file = filepath.Join(dir, name)
	if _, err := os.Stat(file); err != nil {
		if out, err := exec.Command("dropbearkey", "-t", "ed25519", "-f", file).CombinedOutput(); err != nil {
			return "", "", fmt.Errorf("dropbearkey: %w: %s", err, out)
		}
	}
	out, err := exec.Command("dropbearkey", "-y", "-f", file).Output()
	for line := range strings.Lines(string(out)) {
		if strings.HasPrefix(line, "ssh-ed25519 ") {
			return file, line, err
		}
	}
	return "", "", fmt.Errorf("no public key of %s: %w: %s", file, err, out)
}

// stageDropbear puts Debian's packages, keys and a crypttab into what is copied over the root.
func stageDropbear(stage string) error {
	host, _, err := sshKey(workDir, "host")
	if err != nil {
		return err
	}
	_, public, err := sshKey(workDir, "person")
	if err != nil {
		return err
	}
	packages, err := machine.Dropbear()
	if err != nil {
		return err
	}
	config := filepath.Join(stage, "etc/dropbear/initramfs")
	for _, argv := range [][]string{
		{"cp", "-a", packages + "/.", stage}, {"cp", host, config + "/dropbear_ed25519_host_key"},
	} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			return fmt.Errorf("%v: %w: %s", argv, err, out)
		}
	}
	for name, text := range map[string]string{
		config + "/authorized_keys": "# who may\ncommand=\"cryptroot-unlock\" " + public,
		config + "/dropbear.conf":   "DROPBEAR_OPTIONS=\"-I 300 -p 2222\"\n",
		stage + "/etc/crypttab":     "sealed UUID=" + RootUUID + " none luks,x-orthrus.remote\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// freePort is one of this host that nobody listens on.
func freePort(t *testing.T) int {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// ssh asks the machine at a port to run a command, with what is typed there, until somebody answers.
func ssh(t *testing.T, port int, key, typed string, command ...string) (said string, code int) {
	t.Helper()
	home := t.TempDir()
	_, host, err := sshKey(workDir, "host")
	must(t, err)
	must(t, os.Mkdir(home+"/.ssh", 0o700))
	kind, rest, _ := strings.Cut(host, " ")
	text, _, _ := strings.Cut(rest, " ") // dbclient takes a comment for a part of the key
	must(t, os.WriteFile(home+"/.ssh/known_hosts", []byte("127.0.0.1 "+kind+" "+text+"\n"), 0o600))
	ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(patience))
	defer cancel()
	for {
		// QEMU takes a connection before the machine has an address; that one is answered by nobody.
		attempt, end := context.WithTimeout(ctx, pace.Limit(patience/6))
		cmd := exec.CommandContext(attempt, "dbclient", append([]string{"-T", "-i", key, "-p", fmt.Sprint(port), "root@127.0.0.1"}, command...)...)
		cmd.Env = append(os.Environ(), "HOME="+home)
		cmd.Stdin = strings.NewReader(typed)
		var out bytes.Buffer
		cmd.Stdout, cmd.Stderr = &out, &out
		_ = cmd.Run()
		late := attempt.Err() != nil
		end()
		said, code = out.String(), cmd.ProcessState.ExitCode()
		if ctx.Err() != nil {
			t.Fatalf("nobody answers: %s", said)
		}
		if !late && !strings.Contains(said, "Connection refused") && !strings.Contains(said, "Remote closed the connection") {
			return said, code
		}
		time.Sleep(time.Second)
	}
}

// TestRootIsUnlockedOverSSH: from power on to a login, with nobody at the console.
func TestRootIsUnlockedOverSSH(t *testing.T) {
	for _, k := range remotely() {
		t.Run(k.Name, func(t *testing.T) {
			image, port := imageOf(t, k), freePort(t)
			begin := time.Now()
			s, err := PowerOn(t.Context(), machine.Config{
				Initramfs: image, Memory: memory, Disks: []machine.Disk{rootDisk(t)},
				KernelArgs: []string{RootArgs, "systemd.show_status=no", "net.ifnames=0", "ip=dhcp"},
				QEMUArgs: []string{
					"-netdev", fmt.Sprintf("user,id=net,restrict=on,hostfwd=tcp:127.0.0.1:%d-:2222", port), "-device", networkCard,
				},
			})
			must(t, err)
			t.Cleanup(s.M.Close)
			t.Cleanup(func() {
				if t.Failed() {
					t.Log(s.M.Console().Tail(80))
				}
			})
			must(t, s.Sees(t.Context(), Prompt))
			stranger, _, err := sshKey(t.TempDir(), "stranger")
			must(t, err)
			if said, code := ssh(t, port, stranger, Passphrase+"\n"); code == 0 || !strings.Contains(said, "No auth methods could be used") {
				t.Errorf("a key that nobody knows: %d, %s", code, said)
			}
			person, _, err := sshKey(workDir, "person")
			must(t, err)
			if said, code := ssh(t, port, person, "wrong horse\n", "cat", "/etc/passwd"); code != 2 ||
				!strings.Contains(said, "Wrong passphrase for sealed.") || strings.Contains(said, "root:") {
				t.Errorf("a wrong passphrase, and a command that is not run: %d, %s", code, said)
			}
			said, code := ssh(t, port, person, Passphrase+"\n")
			if code != 0 || !strings.Contains(said, "sealed is unlocked") {
				t.Errorf("%d, %s", code, said)
			}
			must(t, s.Runs(t.Context(), "findmnt -no SOURCE /", "/dev/mapper/sealed"))
			must(t, s.Runs(t.Context(), "pgrep 'dropbear|unlock' || cat /sys/class/net/eth0/flags", "0x1002")) // not up
			t.Logf("%s: %.1f s from power on to a login", k.Name, time.Since(begin).Seconds())
		})
	}
}
