// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// What an image has that is to be unlocked over ssh, see package initramfs.
const (
	remoteArguments = "/etc/dropbear/arguments" // one a line
	remoteServer    = "/sbin/dropbear"
	remoteNetwork   = "/sbin/ipconfig"
	remoteLog       = "/run/orthrus-remote.log" // for who wonders, once the system is up
)

const (
	pseudoterminals = "/dev/pts"
	remotePause     = 500 * time.Millisecond
	remotePatience  = 2 * time.Second // for sessions to end, which say at last that the volumes are open
)

// listen brings the network up and lets people answer over ssh, beside everything else, where the image is made for
// that. stop ends it and leaves no session and no address.
func listen(ctx context.Context, ip string, report func(error)) (stop func()) {
	arguments, err := os.ReadFile(remoteArguments)
	if err != nil {
		return func() {} // it is not
	}
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := serve(ctx, ip, strings.Fields(string(arguments))); err != nil && ctx.Err() == nil {
			report(fmt.Errorf("nobody can unlock over ssh: %w", err))
		}
	}()
	return func() {
		cancel()
		<-ended
		if os.Getpid() == 1 { // all that runs is ours
			endSessions()
			networkDown()
		}
		_ = unix.Unmount(pseudoterminals, unix.MNT_DETACH)
	}
}

// serve does so until ctx ends.
func serve(ctx context.Context, ip string, arguments []string) error {
	log, err := os.OpenFile(remoteLog, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	if err := os.MkdirAll(pseudoterminals, 0o755); err != nil {
		return err
	}
	if err := unix.Mount("devpts", pseudoterminals, "devpts", unix.MS_NOSUID|unix.MS_NOEXEC,
		"gid=5,mode=620"); err != nil {
		return fmt.Errorf("mounting %s: %w", pseudoterminals, err)
	}
	for network := networkArguments(ip); network != nil; {
		if hasNetwork() && runRemote(ctx, log, remoteNetwork, network) == nil {
			break
		}
		if !pause(ctx) {
			return nil
		}
	}
	for {
		if err := runRemote(ctx, log, remoteServer, arguments); err != nil {
			return err
		}
		if !pause(ctx) {
			return nil
		}
	}
}

// networkArguments are those of klibc's ipconfig for the kernel's parameter ip=, as Debian's scripts give them; nil
// where the network is to be left alone.
func networkArguments(ip string) []string {
	const seconds = "30"
	switch ip {
	case "none", "off":
		return nil
	case "", "on", "any":
		return []string{"-t", seconds, ""}
	case "dhcp", "bootp", "rarp", "both":
		return []string{"-t", seconds, "-c", ip, "-d", ""}
	}
	return []string{"-t", seconds, "-d", ip}
}

// ipParameter is the last ip= of a kernel's command line.
func ipParameter(line string) (ip string) {
	for _, word := range strings.Fields(line) {
		if value, found := strings.CutPrefix(word, "ip="); found {
			ip = value
		}
	}
	return ip
}

// runRemote runs a program until ctx ends, which is a signal to end for it.
func runRemote(ctx context.Context, log io.Writer, program string, arguments []string) error {
	cmd := exec.CommandContext(ctx, program, arguments...)
	cmd.Env = []string{"PATH=/bin:/sbin", "HOME=/root"}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Cancel = func() error { return cmd.Process.Signal(unix.SIGTERM) }
	cmd.WaitDelay = remotePatience
	return cmd.Run()
}

// pause tells whether to go on after it.
func pause(ctx context.Context) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(remotePause):
		return true
	}
}

// interfaces are the network's, but for the machine's own.
func interfaces() (names []string) {
	all, _ := filepath.Glob("/sys/class/net/*")
	for _, path := range all {
		if name := filepath.Base(path); name != "lo" {
			names = append(names, name)
		}
	}
	return names
}

func hasNetwork() bool { return len(interfaces()) > 0 }

// endSessions waits for what the server has left, which is this process's by now, and ends what does not end.
func endSessions() {
	for end := time.Now().Add(remotePatience); time.Now().Before(end); time.Sleep(remotePause / 50) {
		if _, err := unix.Wait4(-1, nil, unix.WNOHANG, nil); errors.Is(err, unix.ECHILD) {
			return
		}
	}
	_ = unix.Kill(-1, unix.SIGKILL)
}

// networkDown leaves the interfaces to the system to come, as it would find them without this.
func networkDown() {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	for _, name := range interfaces() {
		request, err := unix.NewIfreq(name)
		if err != nil {
			continue
		}
		if request.SetInet4Addr(make([]byte, 4)) == nil {
			_ = unix.IoctlIfreq(fd, unix.SIOCSIFADDR, request)
		}
		if unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, request) == nil {
			request.SetUint16(request.Uint16() &^ unix.IFF_UP)
			_ = unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
		}
	}
}
