// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// terminal is a pseudo terminal: who holds the master sits in front of it.
func terminal(t *testing.T) (master *os.File, path string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	return master, fmt.Sprintf("/dev/pts/%d", n)
}

// pending waits until a boot asks.
func (b *boot) pending() {
	b.t.Helper()
	machine.Eventually(b.t, 20*time.Second, "a question", func() bool {
		files, err := os.ReadDir("/run/systemd/ask-password")
		for _, f := range files {
			if strings.HasPrefix(f.Name(), "ask.") {
				return true
			}
		}
		return err != nil && !os.IsNotExist(err)
	})
}

func TestPlymouthAnswers(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		master, path := terminal(t)
		debug := filepath.Join(t.TempDir(), "debug")
		t.Cleanup(func() {
			if text, err := os.ReadFile(debug); t.Failed() && err == nil {
				t.Logf("plymouthd: %s", text)
			}
		})
		daemon := exec.Command("plymouthd", "--no-daemon", "--debug", "--debug-file="+debug, "--no-boot-log", "--ignore-serial-consoles", "--mode=boot", "--tty="+path, "--kernel-command-line=quiet splash")
		if err := daemon.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = daemon.Process.Kill(); _ = daemon.Wait() })
		machine.Eventually(t, 20*time.Second, "plymouthd", func() bool { return exec.Command("plymouth", "--ping").Run() == nil })
		run(t, "plymouth", "show-splash")
		b := boot{t: t, tab: "root UUID=" + uuidA}
		wait := b.start()
		b.pending()
		typed := make(chan struct{})
		go func() {
			defer close(typed)
			typePatiently(t, master, b.ended, "wrong\r", "one\r")
		}()
		wait()
		<-typed
		run(t, "orthrus", "close", "root")
		b.expect(0, "root=opened", "Wrong passphrase for root.", "root is unlocked, with a passphrase from plymouth.")
	})
}

// typePatiently types the lines, the last one until the boot has ended: plymouthd drops keys that come
// before its entry is there.
func typePatiently(t *testing.T, terminal *os.File, ended <-chan struct{}, lines ...string) {
	for i := 0; ; i = min(i+1, len(lines)-1) {
		select {
		case <-ended:
			return
		case <-time.After(3 * time.Second):
		}
		if _, err := terminal.WriteString(lines[i]); err != nil {
			t.Error(err)
		}
	}
}

func TestAnAgentOfSystemdAnswers(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		master, path := terminal(t)
		b := boot{t: t, tab: "root UUID=" + uuidA}
		wait := b.start()
		b.pending()
		slave, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer slave.Close()
		agent := exec.Command("systemd-tty-ask-password-agent", "--query")
		agent.Stdin, agent.Stdout, agent.Stderr = slave, slave, slave
		agent.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
		if err := agent.Start(); err != nil {
			t.Fatal(err)
		}
		shown := ""
		for buffer := make([]byte, 4096); !strings.Contains(shown, "Passphrase for root"); {
			n, err := master.Read(buffer)
			if err != nil {
				t.Fatal(err)
			}
			shown += string(buffer[:n])
		}
		time.Sleep(time.Second)
		if _, err := master.WriteString("one\n"); err != nil {
			t.Fatal(err)
		}
		_ = agent.Wait()
		wait()
		run(t, "orthrus", "close", "root")
		b.expect(0, "root=opened", "root is unlocked, with a passphrase from a password agent.")
	})
}

func TestTheAnswerVerbAnswers(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		b := boot{t: t, tab: "root UUID=" + uuidA}
		wait := b.start()
		b.pending()
		answer := exec.Command("orthrus", "boot", "--answer")
		answer.Stdin = strings.NewReader("one\n")
		if out, err := answer.CombinedOutput(); err != nil || !strings.Contains(string(out), "root is unlocked") {
			t.Errorf("%v\n%s", err, out)
		}
		wait()
		run(t, "orthrus", "close", "root")
		b.expect(0, "root=opened")
	})
}

// setLockFlags is KDSKBLED of ioctl_console(2); 4 is the capitals lock.
const setLockFlags, capitalsLock = 0x4b65, 4

func TestTheConsoleShowsLayoutAndCapitalsLock(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		format(t, disk(t, "a"), uuidA, "one")
		tty, err := os.OpenFile("/dev/tty1", os.O_RDWR|unix.O_NOCTTY, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer tty.Close()
		if err := unix.IoctlSetInt(int(tty.Fd()), setLockFlags, capitalsLock); err != nil {
			t.Fatal(err)
		}
		b := boot{t: t, tab: "root UUID=" + uuidA, args: []string{"--console", "/dev/tty1"}}
		wait := b.start()
		b.pending()
		screen := ""
		machine.Eventually(t, 10*time.Second, "the prompt", func() bool {
			text, err := os.ReadFile("/dev/vcs1")
			screen = string(text)
			return err == nil && strings.Contains(screen, "Passphrase for root")
		})
		if !strings.Contains(screen, "[qwerty] [CAPS LOCK] Passphrase for root (") {
			t.Errorf("the screen shows %q", strings.TrimSpace(screen))
		}
		answer := exec.Command("orthrus", "boot", "--answer")
		answer.Stdin = strings.NewReader("one\n")
		if out, err := answer.CombinedOutput(); err != nil {
			t.Errorf("%v\n%s", err, out)
		}
		wait()
		run(t, "orthrus", "close", "root")
		b.expect(0, "root=opened")
	})
}
