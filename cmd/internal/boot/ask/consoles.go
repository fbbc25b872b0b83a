// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Consoles are the terminals to ask at: the one that this program was started at or, where it was started
// at none, as at boot, all that the kernel's command line has as its consoles. Where systemd runs, its
// agents ask there.
func Consoles(kernel []string) []string {
	if tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0); err == nil {
		_ = tty.Close()
		return []string{"/dev/tty"}
	}
	if _, err := os.Stat("/run/systemd/system"); err == nil {
		return nil
	}
	return kernelConsoles(kernel, isTerminal)
}

// kernelConsoles leaves out names that are no terminal here. Without any the last of the kernel's, which
// is /dev/console, must do.
func kernelConsoles(names []string, usable func(path string) bool) (paths []string) {
	for _, name := range names {
		if path := filepath.Join("/dev", name); usable(path) {
			paths = append(paths, path)
		}
	}
	if len(paths) == 0 {
		return []string{"/dev/console"}
	}
	return paths
}

func isTerminal(path string) bool {
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer f.Close()
	_, err = unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// Hush keeps what is typed at a terminal off the screen, as long before anybody is asked as there is a
// terminal; restore gives it back as it was. What is no terminal is left alone.
func Hush(path string) (restore func() error) {
	none := func() error { return nil }
	f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
	if err != nil {
		return none
	}
	before, err := hush(int(f.Fd()))
	_ = f.Close() // nothing was written
	if err != nil {
		return none
	}
	return func() error {
		f, err := os.OpenFile(path, os.O_RDWR|unix.O_NOCTTY|unix.O_NONBLOCK, 0)
		if err != nil {
			return err
		}
		defer f.Close()
		return unix.IoctlSetTermios(int(f.Fd()), unix.TCSETS, before)
	}
}

// hush turns the kernel's echo off and returns the mode before.
func hush(fd int) (before *unix.Termios, err error) {
	if before, err = unix.IoctlGetTermios(fd, unix.TCGETS); err != nil {
		return nil, err
	}
	return before, unix.IoctlSetTermios(fd, unix.TCSETS, silent(before))
}

func silent(mode *unix.Termios) *unix.Termios {
	quiet := *mode
	quiet.Lflag &^= unix.ECHO | unix.ECHONL
	return &quiet
}
