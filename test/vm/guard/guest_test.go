// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

const (
	headSize = 16 << 10
	mib      = 1 << 20
	keyFile  = "/tmp/key"
)

// run runs a command that must succeed and returns what it printed.
func run(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// startUdevd starts the real daemon.
func startUdevd(t *testing.T) {
	t.Helper()
	daemon := exec.Command("/lib/systemd/systemd-udevd")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = daemon.Process.Kill()
		_ = daemon.Wait()
		// libdevmapper takes the socket for the daemon, and would wait for it for ever.
		if err := os.RemoveAll("/run/udev"); err != nil {
			t.Error(err)
		}
	})
	machine.Eventually(t, 20*time.Second, "udevd answers", func() bool { return exec.Command("udevadm", "control", "--ping").Run() == nil })
}

// format makes a small volume and returns its UUID.
func format(t *testing.T, node string) string {
	t.Helper()
	if err := os.WriteFile(keyFile, []byte("pass"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "orthrus", "luksFormat", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--luks2-keyslots-size", "512k", "--no-far-header", "--key-file", keyFile, node)
	return strings.TrimSpace(run(t, "orthrus", "luksUUID", node))
}

// report is what "guard status --json" prints, as far as these tests read it.
type report struct {
	Looks, Repairs, Restores, Enlarged, Refusals, Failures, Removals, Rescans int
	Forged                                                                    int `json:"events_forged"`
	Unread                                                                    int `json:"events_malformed"`
	Volumes                                                                   []watched
}

type watched struct {
	Device, UUID, Verdict, Mapping, Did, Undo, Would string
	Mapped                                           int64 `json:"mapped_size"`
	Key                                              bool  `json:"key_held"`
	Findings, Because                                []string
}

// guardian is a guard that runs in the guest.
type guardian struct {
	process *exec.Cmd
	log     string
	ended   chan error
}

// startGuard starts it and waits until it has looked at every device.
func startGuard(t *testing.T, settings string) *guardian {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "guard.conf")
	if err := os.WriteFile(file, []byte("log = json\n"+settings+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	g := &guardian{log: filepath.Join(dir, "log"), ended: make(chan error, 1)}
	log, err := os.Create(g.log)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	g.process = exec.Command("orthrus", "guard", "--config", file)
	g.process.Stderr, g.process.Stdout = log, log
	if err := g.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { g.ended <- g.process.Wait() }()
	t.Cleanup(func() {
		_ = g.process.Process.Kill()
		if t.Failed() {
			text, _ := os.ReadFile(g.log)
			t.Logf("the guard's log:\n%s", text)
		}
	})
	machine.Eventually(t, 30*time.Second, "the guard has looked at everything", func() bool { return g.says("every device was looked at") })
	return g
}

// stop ends it as an administrator does.
func (g *guardian) stop(t *testing.T) {
	t.Helper()
	if err := g.process.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-g.ended:
		if err != nil {
			t.Errorf("the guard ended with %v", err)
		}
	case <-time.After(pace.Limit(10 * time.Second)):
		t.Error("the guard does not stop")
	}
}

func (g *guardian) says(words ...string) bool {
	text, err := os.ReadFile(g.log)
	if err != nil {
		return false
	}
	for line := range bytes.Lines(text) {
		all := true
		for _, w := range words {
			all = all && bytes.Contains(line, []byte(w))
		}
		if all {
			return true
		}
	}
	return false
}

// status asks the guard by the command.
func status(t *testing.T) report {
	t.Helper()
	out, err := exec.Command("orthrus", "guard", "status", "--json").Output()
	if err != nil {
		t.Fatalf("guard status: %v\n%s", err, out)
	}
	var s report
	if err := json.Unmarshal(out, &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// volume is what the guard knows of a device; nil for nothing.
func volume(t *testing.T, node string) *watched {
	t.Helper()
	for _, v := range status(t).Volumes {
		if v.Device == node {
			return &v
		}
	}
	return nil
}

// eventually waits for the guard to say something of a device.
func eventually(t *testing.T, node, what string, so func(v *watched) bool) *watched {
	t.Helper()
	var v *watched
	if !pace.Await(20*time.Second, func() bool {
		v = volume(t, node)
		return v != nil && so(v)
	}) {
		t.Fatalf("%s: %s: %+v", node, what, v)
	}
	return v
}

// read is the beginning of a device, past the page cache of others.
func read(t *testing.T, node string, n int) []byte {
	t.Helper()
	run(t, "blockdev", "--flushbufs", node)
	f, err := os.Open(node)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, n)
	if _, err := f.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

// write puts bytes on a device and closes it.
func write(t *testing.T, node string, p []byte, off int64) {
	t.Helper()
	f, err := os.OpenFile(node, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	_, err = f.WriteAt(p, off)
	if syncErr := f.Sync(); err == nil {
		err = syncErr
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
}

// differs tells where two beginnings of a volume differ; in a rewritten head the salt and the sum may.
func differs(got, want []byte, rewritten bool) string {
	for i := range want {
		in := i % headSize
		fresh := rewritten && i < 2*headSize && (in >= 104 && in < 168 || in >= 448 && in < 512)
		if got[i] != want[i] && !fresh {
			return fmt.Sprintf("byte %d is %02x, not %02x", i, got[i], want[i])
		}
	}
	return ""
}

// heldKeys are the lines of /proc/keys about logon keys of a volume that are not revoked.
func heldKeys(t *testing.T, uuid string) []string {
	t.Helper()
	text, err := os.ReadFile("/proc/keys")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > 2 && strings.Contains(line, "logon") && strings.Contains(line, uuid) && !strings.Contains(fields[1], "R") {
			lines = append(lines, line)
		}
	}
	return lines
}
