// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

const (
	place = "/usr/sbin/cryptsetup"      // where Debian has it
	real  = "/usr/sbin/cryptsetup.real" // where Debian's own goes
	log   = "/run/calls"                // what callers ran
	// standIn notes how it was called and becomes our program under cryptsetup's name.
	standIn = "#!/bin/bash\nprintf 'cryptsetup %s\\n' \"$*\" >>" + log + "\nexec -a cryptsetup /usr/bin/orthrus \"$@\"\n"
)

// guest is a Debian with our program in cryptsetup's place.
type guest struct {
	t    *testing.T
	a, b string // disks
}

// caller makes the guest ready for a test, which finds no mapping and empty disks.
func caller(t *testing.T) *guest {
	t.Helper()
	g := &guest{t: t, a: machine.DiskPath(t, "a"), b: machine.DiskPath(t, "b")}
	machine.LoadModule(t, "dm-crypt")
	machine.LoadModule(t, "loop")
	if _, err := os.Stat(real); err != nil {
		g.settle()
	}
	for _, disk := range []string{g.a, g.b} {
		g.sh("wipefs -qa " + disk + " && dd if=/dev/zero of=" + disk + " bs=1M count=20 status=none")
	}
	if err := os.WriteFile("/root/key", []byte("secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(log, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { g.sh("dmsetup remove_all --retry || true") })
	return g
}

// settle does what an init and udev would have done, and puts our program in its place.
func (g *guest) settle() {
	g.t.Helper()
	g.sh(`hostname orthrus || true; mkdir -p /dev/shm /dev/pts /run/lock /run/cryptsetup
		chmod 700 /run/cryptsetup
		mount -t tmpfs tmpfs /dev/shm
		mount -t devpts devpts /dev/pts || true
		for i in fd:/proc/self/fd stdin:fd/0 stdout:fd/1 stderr:fd/2; do test -e /dev/${i%%:*} || ln -s ${i#*:} /dev/${i%%:*}; done
		mv ` + place + ` ` + real)
	if err := os.WriteFile(place, []byte(standIn), 0o755); err != nil {
		g.t.Fatal(err)
	}
	if err := raiseLoopback(); err != nil {
		g.t.Fatal(err)
	}
	if got := g.sh("cryptsetup --version"); !strings.Contains(got, "orthrus") && strings.Contains(got, "2.6.1") {
		g.t.Fatalf("cryptsetup is not ours: %s", got)
	}
}

func raiseLoopback() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	lo, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	lo.SetUint16(unix.IFF_UP | unix.IFF_RUNNING)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, lo)
}

// command runs a script of bash, with the disks in $a and $b.
func (g *guest) command(script string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), pace.Limit(8*time.Minute))
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, "bash", "-e", "-c", script)
	cmd.Dir = "/root"
	cmd.Env = []string{"PATH=/usr/sbin:/usr/bin", "HOME=/root", "TERM=linux", "LC_ALL=C", "DM_DISABLE_UDEV=1", "a=" + g.a, "b=" + g.b}
	cmd.Stdout, cmd.Stderr = &out, &out
	cmd.WaitDelay = pace.Limit(5 * time.Second)
	err := cmd.Run()
	return out.String(), err
}

// sh is command for what has to succeed.
func (g *guest) sh(script string) string {
	g.t.Helper()
	out, err := g.command(script)
	if err != nil {
		calls, _ := os.ReadFile(log)
		g.t.Fatalf("%s\n%v\n%s\ncalls so far:\n%s", script, err, out, calls)
	}
	return out
}

// fails is command for what has to fail.
func (g *guest) fails(script string) string {
	g.t.Helper()
	out, err := g.command(script)
	if err == nil {
		g.t.Errorf("%s\nsucceeds\n%s", script, out)
	}
	return out
}

// says asks for a text in what a script prints.
func (g *guest) says(want, script string) {
	g.t.Helper()
	if got := g.sh(script); !strings.Contains(got, want) {
		g.t.Errorf("%s\nprints\n%s\nwithout %q", script, got, want)
	}
}

// ran reports how our program was called, and asks for these actions among the calls.
func (g *guest) ran(name string, actions ...string) {
	g.t.Helper()
	calls, err := os.ReadFile(log)
	if err != nil {
		g.t.Fatal(err)
	}
	for _, action := range actions {
		if !strings.Contains(string(calls), action) {
			g.t.Errorf("%s never called %q", name, action)
		}
	}
	g.t.Logf("%s ran:\n%s", name, calls)
}

// luksFormat makes a volume with the real cryptsetup: LUKS2 unless options say otherwise.
func (g *guest) luksFormat(disk, options string) {
	g.t.Helper()
	g.sh(fmt.Sprintf("%s luksFormat -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 %s %s /root/key", real, options, disk))
}
