// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
)

// What systemd is told: ready when everything was looked at, alive in between, reloading and stopping.
func TestTheServiceManagerIsTold(t *testing.T) {
	g := newGuarded(t, "metrics = "+filepath.Join(t.TempDir(), "m.prom"))
	image, _ := newVolume(t, 1)
	put(t, g.image("a"), image)
	socket := filepath.Join(g.dir, "notify")
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	said := func() string {
		_ = c.SetReadDeadline(time.Now().Add(pace.Limit(20 * time.Second)))
		p := make([]byte, 4096)
		n, err := c.Read(p)
		if err != nil {
			t.Fatalf("waiting for the guard's word: %v", err)
		}
		return string(p[:n])
	}
	until := func(want string) {
		t.Helper()
		for {
			switch word := said(); {
			case strings.Contains(word, want):
				return
			case !strings.Contains(word, "WATCHDOG=1"):
				t.Fatalf("%q, not %q", word, want)
			}
		}
	}
	t.Setenv("NOTIFY_SOCKET", socket)
	t.Setenv("WATCHDOG_USEC", "400000")
	d := g.start(t)
	until("READY=1")
	until("WATCHDOG=1")
	if err := d.process.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until("RELOADING=1")
	until("READY=1")
	d.stop(t)
	until("STOPPING=1")
}

func TestMetricsAreKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "m.prom")
	g := newGuarded(t, "repair = proven\nmetrics = "+file)
	image, uuid := newVolume(t, 1)
	put(t, g.image("a"), image)
	d := g.start(t)
	has := func(text string) func() bool {
		return func() bool {
			p, _ := os.ReadFile(file)
			return strings.Contains(string(p), text)
		}
	}
	await(t, 10*time.Second, "the volume is in the metrics", has(`uuid="`+uuid+`",verdict="healthy"} 1`))
	hurt := append([]byte{}, image...)
	clear(hurt[:headSize])
	put(t, g.image("a"), hurt)
	await(t, 10*time.Second, "the repair is counted", has("orthrus_guard_repairs_total 1\n"))
	d.stop(t)
}

// Nobody but root, and who runs the guard, may ask; a second guard does not take the first one's place.
func TestTheSocketIsPrivate(t *testing.T) {
	g := newGuarded(t, "")
	d := g.start(t)
	info, err := os.Stat(filepath.Join(g.dir, "run/guard.sock"))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	out, err := g.command().CombinedOutput()
	if err == nil || !strings.Contains(string(out), "nother guard answers") {
		t.Errorf("a second guard: %v: %s", err, out)
	}
	if s := d.status(t); s.Failures != 0 {
		t.Errorf("%+v", s)
	}
	d.stop(t)
}
