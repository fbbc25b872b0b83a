// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"slices"
	"testing"

	"github.com/creack/pty"
	"golang.org/x/sys/unix"
)

func TestEveryConsoleOfTheKernelAsks(t *testing.T) {
	usable := func(path string) bool { return path != "/dev/gone" && path != "/dev/null" }
	for _, c := range []struct{ names, want []string }{
		{[]string{"ttyS0", "tty0"}, []string{"/dev/ttyS0", "/dev/tty0"}},
		{[]string{"gone", "hvc0"}, []string{"/dev/hvc0"}},
		{[]string{"gone"}, []string{"/dev/console"}},
		{nil, []string{"/dev/console"}},
	} {
		if got := kernelConsoles(c.names, usable); !slices.Equal(got, c.want) {
			t.Errorf("%q: %q", c.names, got)
		}
	}
	if isTerminal("/dev/null") {
		t.Error("/dev/null is taken for a terminal")
	}
}

// What is typed before there is a prompt does not show, and the terminal is given back as it was.
func TestATerminalIsSilentBeforeAnybodyIsAsked(t *testing.T) {
	_, terminal, err := pty.Open()
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	echoes := func() bool {
		mode, err := unix.IoctlGetTermios(int(terminal.Fd()), unix.TCGETS)
		if err != nil {
			t.Fatal(err)
		}
		return mode.Lflag&unix.ECHO != 0
	}
	if !echoes() {
		t.Fatal("a new terminal does not echo")
	}
	restore := Hush(terminal.Name())
	if echoes() {
		t.Error("hushed, it echoes")
	}
	console, err := OpenConsole(terminal.Name(), "")
	if err != nil {
		t.Fatal(err)
	}
	if err := console.Close(); err != nil || echoes() {
		t.Errorf("a console within makes it echo, %v", err)
	}
	if err := restore(); err != nil || !echoes() {
		t.Errorf("it does not echo again, %v", err)
	}
	if console, err = OpenConsole(terminal.Name(), ""); err != nil || echoes() {
		t.Fatalf("an open console echoes, %v", err)
	}
	if err := console.Close(); err != nil || !echoes() {
		t.Errorf("after the console it does not echo, %v", err)
	}
	if err := Hush("/dev/null")(); err != nil {
		t.Error(err)
	}
}
