// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

// session is a run of the program on a controlling terminal of its own.
type session struct {
	t      *testing.T
	cmd    *exec.Cmd
	master *os.File
	slave  *os.File
	shown  chan []byte
	screen string // since the last answer
	seen   string // before it
}

// onTerminal starts "cryptsetup args" in a folder.
func onTerminal(t *testing.T, dir string, args ...string) *session {
	t.Helper()
	return calledOnTerminal(t, "cryptsetup", dir, args...)
}

// calledOnTerminal is the same by another name.
func calledOnTerminal(t *testing.T, name, dir string, args ...string) *session {
	t.Helper()
	master, slave, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	s := &session{t: t, master: master, slave: slave, shown: make(chan []byte, 64)}
	s.cmd = exec.Command(os.Args[0], args...)
	s.cmd.Args[0], s.cmd.Dir = name, dir
	s.cmd.Env = append(os.Environ(), "ORTHRUS_STATE_DIR="+filepath.Join(dir, "state"))
	s.cmd.Stdin, s.cmd.Stdout, s.cmd.Stderr = slave, slave, slave
	s.cmd.SysProcAttr = &unix.SysProcAttr{Setsid: true, Setctty: true}
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go s.watch()
	t.Cleanup(func() { _ = s.cmd.Process.Kill(); slave.Close(); master.Close() })
	return s
}

func (s *session) watch() {
	for {
		piece := make([]byte, 1024)
		n, err := s.master.Read(piece)
		if err != nil {
			return
		}
		s.shown <- piece[:n]
	}
}

// answer waits for a prompt at the end of the screen and types text.
func (s *session) answer(prompt, text string) {
	s.t.Helper()
	for !strings.HasSuffix(s.screen, prompt) {
		select {
		case piece := <-s.shown:
			s.screen += strings.ReplaceAll(string(piece), "\r\n", "\n")
		case <-time.After(pace.Limit(20 * time.Second)):
			s.t.Fatalf("no %q at the end of %q", prompt, s.screen)
		}
	}
	s.seen, s.screen = s.seen+s.screen, ""
	if _, err := s.master.WriteString(text); err != nil {
		s.t.Fatal(err)
	}
}

// ends waits for the program and compares its exit code and the last words on the screen.
func (s *session) ends(code int, words string) {
	s.t.Helper()
	defer time.AfterFunc(pace.Limit(20*time.Second), func() { _ = s.cmd.Process.Kill() }).Stop()
	err := s.cmd.Wait()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		s.t.Fatal(err)
	}
	if got := s.cmd.ProcessState.ExitCode(); got != code {
		s.t.Errorf("%q: exit code %d, want %d; screen %q", s.cmd.Args, got, code, s.screen)
	}
	termios, err := unix.IoctlGetTermios(int(s.slave.Fd()), unix.TCGETS)
	if err != nil || termios.Lflag&unix.ECHO == 0 {
		s.t.Errorf("%q: echo is off afterwards (%v)", s.cmd.Args, err)
	}
	if words != "" {
		s.answer(words, "")
	}
}

var cheap = []string{"--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}

// formatted returns a folder with a.img, a volume that "pass one" opens.
func formatted(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/a.img", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(dir+"/a.img", 24<<20); err != nil {
		t.Fatal(err)
	}
	s := onTerminal(t, dir, append(cheap, "luksFormat", "a.img")...)
	s.answer("This will overwrite data on a.img irrevocably.\n\nAre you sure? (Type 'yes' in capital letters): ",
		"YES\n")
	s.answer("Enter passphrase for a.img: ", "pass one\n")
	s.answer("Verify passphrase: ", "pass one\n")
	s.ends(0, "")
	return dir
}

// A key that opens no data is nobody's last keyslot.
func TestRemovingAnUnboundKeyAsksForNoConfirmation(t *testing.T) {
	dir := formatted(t)
	s := onTerminal(t, dir, append(cheap, "luksAddKey", "--unbound", "--key-size", "256", "a.img")...)
	s.answer("Enter new passphrase for key slot: ", "unbound\n")
	s.answer("Verify passphrase: ", "unbound\n")
	s.ends(0, "")

	s = onTerminal(t, dir, "luksRemoveKey", "a.img") // looks only at keyslots of the volume key
	s.answer("Enter passphrase to be deleted: ", "unbound\n")
	s.ends(2, "No key available with this passphrase.\n")

	s = onTerminal(t, dir, "luksKillSlot", "-v", "a.img", "1")
	s.answer("Keyslot 1 is selected for deletion.\nEnter any remaining passphrase: ", "pass one\n")
	s.ends(0, "Key slot 0 unlocked.\nKey slot 1 removed.\nCommand successful.\n")

	s = onTerminal(t, dir, "luksRemoveKey", "a.img")
	s.answer("Enter passphrase to be deleted: ", "pass one\n")
	s.answer("This is the last keyslot. Device will become unusable after purging this key.\n\nAre you sure? (Type "+
		"'yes' in capital letters): ", "NO\n")
	s.ends(2, "")
}

func TestDialogues(t *testing.T) {
	dir := formatted(t)

	s := onTerminal(t, dir, append(cheap, "luksAddKey", "a.img")...)
	s.answer("Enter any existing passphrase: ", "pass one\n")
	s.answer("Enter new passphrase for key slot: ", "second\n")
	s.answer("Verify passphrase: ", "second\n")
	s.ends(0, "")

	s = onTerminal(t, dir, append(cheap, "luksAddKey", "a.img")...)
	s.answer("Enter any existing passphrase: ", "pass one\n")
	s.answer("Enter new passphrase for key slot: ", "third\n")
	s.answer("Verify passphrase: ", "other\n")
	s.ends(2, "Passphrases do not match.\n")

	s = onTerminal(t, dir, "open", "--test-passphrase", "a.img")
	s.answer("Enter passphrase for a.img: ", "wrong\n")
	s.answer("No key available with this passphrase.\nEnter passphrase for a.img: ", "\n")
	s.answer("No key available with this passphrase.\nEnter passphrase for a.img: ", "second\n")
	s.ends(0, "")

	s = onTerminal(t, dir, append(cheap, "luksAddKey", "a.img")...)
	s.answer("Enter any existing passphrase: ", "wrong\n")
	s.ends(2, "No key available with this passphrase.\n")

	s = onTerminal(t, dir, append(cheap, "luksChangeKey", "a.img")...)
	s.answer("Enter passphrase to be changed: ", "second\n")
	s.answer("Enter new passphrase: ", "second2\n")
	s.answer("Verify passphrase: ", "second2\n")
	s.ends(0, "")

	s = onTerminal(t, dir, "luksRemoveKey", "a.img")
	s.answer("Enter passphrase to be deleted: ", "second\n")
	s.ends(2, "No key available with this passphrase.\n")

	s = onTerminal(t, dir, "luksRemoveKey", "a.img")
	s.answer("Enter passphrase to be deleted: ", "second2\n")
	s.ends(0, "")

	s = onTerminal(t, dir, "luksRemoveKey", "a.img")
	s.answer("Enter passphrase to be deleted: ", "pass one\n")
	s.answer("This is the last keyslot. Device will become unusable after purging this key.\n\n"+
		"Are you sure? (Type 'yes' in capital letters): ", "no\n")
	s.ends(2, "Operation aborted, the keyslot was NOT wiped.\n\n")
}

func TestRefusalsAreToldApartByExitCode(t *testing.T) {
	dir := formatted(t)
	s := onTerminal(t, dir, "luksHeaderBackup", "--header-backup-file", "b.img", "a.img")
	s.ends(0, "")
	for _, c := range []struct {
		args     []string
		question string
		code     int
		words    string
	}{
		{
			[]string{"luksFormat", "a.img"},
			"This will overwrite data on a.img irrevocably.", 1,
			"Operation aborted.\n\n",
		},
		{
			[]string{"erase", "a.img"},
			"Device will become unusable after this operation.", 2,
			"Operation aborted, keyslots were NOT wiped.\n\n",
		},
		{
			[]string{"luksUUID", "--uuid", "11111111-2222-4333-8444-555555555555", "a.img"},
			"Do you really want to change UUID of device?", 2, "Operation aborted.\n\n",
		},
		{
			[]string{"luksDump", "--dump-volume-key", "a.img"},
			"This dump should be stored encrypted in a safe place.",
			2, "",
		},
		{
			[]string{"luksHeaderRestore", "--header-backup-file", "b.img", "a.img"},
			"Replacing header will destroy existing keyslots.", 1, "no\n",
		},
		{
			[]string{"luksKillSlot", "a.img", "0"},
			"Device will become unusable after purging this key.", 2,
			"Operation aborted, the keyslot was NOT wiped.\n\n",
		},
	} {
		s := onTerminal(t, dir, c.args...)
		s.answer(c.question+"\n\nAre you sure? (Type 'yes' in capital letters): ", "no\n")
		s.ends(c.code, c.words)
	}
	s = onTerminal(t, dir, "open", "--test-passphrase", "a.img")
	s.answer("Enter passphrase for a.img: ", "pass one\n")
	s.ends(0, "")
}

// A header apart from the data: the questions are about the file that is going to be written.
func TestFormatAsksForTheHeaderFile(t *testing.T) {
	dir := formatted(t)
	line := append(cheap, "luksFormat", "--header", "h.img", "a.img")
	s := onTerminal(t, dir, line...)
	s.answer("Header file h.img does not exist, do you want to create it?\n\nAre you sure? (Type 'yes' in capital "+
		"letters): ", "NO\n")
	s.ends(2, "Operation aborted.\n\n")
	if _, err := os.Stat(dir + "/h.img"); err == nil {
		t.Error("the file was made after a no")
	}
	for _, question := range []string{
		"Header file h.img does not exist, do you want to create it?",
		"This will overwrite data on h.img irrevocably.",
	} {
		s = onTerminal(t, dir, line...)
		s.answer(question+"\n\nAre you sure? (Type 'yes' in capital letters): ", "YES\n")
		s.answer("Enter passphrase for h.img: ", "other\n")
		s.answer("Verify passphrase: ", "other\n")
		s.ends(0, "")
	}
}

func TestAnUnansweredPromptGivesTheTerminalBack(t *testing.T) {
	dir := formatted(t)
	s := onTerminal(t, dir, "open", "--test-passphrase", "a.img")
	s.answer("Enter passphrase for a.img: ", "\x03")
	s.ends(1, "")

	s = onTerminal(t, dir, "open", "--test-passphrase", "a.img")
	s.answer("Enter passphrase for a.img: ", "")
	if err := s.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.ends(1, "")

	s = onTerminal(t, dir, "open", "--test-passphrase", "--timeout", "1", "a.img")
	s.ends(1, "Error reading passphrase from terminal.\n")
}

// Under our own name the exit code of a run that a signal ended is a shell's.
func TestSignalsHaveTheExitCodesOfAShell(t *testing.T) {
	dir := formatted(t)
	s := calledOnTerminal(t, "orthrus", dir, "open", "--test-passphrase", "a.img")
	s.answer("Enter passphrase for a.img: ", "\x03")
	s.ends(130, "")
	s = calledOnTerminal(t, "orthrus", dir, "open", "--test-passphrase", "a.img")
	s.answer("Enter passphrase for a.img: ", "")
	if err := s.cmd.Process.Signal(unix.SIGTERM); err != nil {
		t.Fatal(err)
	}
	s.ends(143, "")
}

// diesBy waits for the end by a signal, without a word, and with the terminal as it was.
func (s *session) diesBy(sig unix.Signal) {
	s.t.Helper()
	s.ends(-1, "")
	if status := s.cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != sig {
		s.t.Errorf("%q: ended by %v, want %v", s.cmd.Args, s.cmd.ProcessState, sig)
	}
}

// Ctrl-\ at a prompt is an end by that signal, not the exit code of a wrong passphrase below a page of stacks.
func TestQuitEndsByTheSignal(t *testing.T) {
	s := onTerminal(t, formatted(t), "open", "--test-passphrase", "a.img")
	s.answer("Enter passphrase for a.img: ", "\x1c")
	s.diesBy(unix.SIGQUIT)
	for len(s.shown) > 0 {
		s.screen += string(<-s.shown)
	}
	if strings.Contains(s.screen, "goroutine") {
		t.Errorf("stacks on the screen: %q", s.screen)
	}
}

// A runtime that dies must not be taken for a wrong passphrase, which is exit code 2.
func TestARuntimeThatDiesIsNoWrongPassphrase(t *testing.T) {
	cmd := exec.Command(os.Args[0], "open", "--test-passphrase", "a.img")
	cmd.Args[0], cmd.Dir = "cryptsetup", formatted(t)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	defer in.Close()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	catches := uint64(1) << (unix.SIGQUIT - 1)
	for start := time.Now(); caught(t, cmd.Process.Pid)&catches == 0; time.Sleep(time.Millisecond) {
		if time.Since(start) > pace.Limit(20*time.Second) {
			t.Fatal("it does not start")
		}
	}
	time.Sleep(pace.Limit(200 * time.Millisecond)) // until it reads
	if err := cmd.Process.Signal(unix.SIGSEGV); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil || cmd.ProcessState.ExitCode() == 2 {
		t.Errorf("ended with %v", cmd.ProcessState)
	}
}

// caught is the set of signals that a process catches (proc(5), SigCgt).
func caught(t *testing.T, pid int) (set uint64) {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(text), "SigCgt:\t")
	if _, err := fmt.Sscanf(rest, "%x", &set); err != nil {
		t.Fatal(err)
	}
	return set
}
