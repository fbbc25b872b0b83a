// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// program is the built orthrus.
var program string

func TestMain(m *testing.M) {
	if message, forges := os.LookupEnv("ORTHRUS_FORGE"); forges { // see unprivileged
		fmt.Println(send([]byte(message)))
		return
	}
	dir, err := os.MkdirTemp("", "orthrus-guard-test-")
	if err == nil {
		program = filepath.Join(dir, "orthrus")
		out, buildErr := exec.Command("go", "build", "-o", program, "github.com/orthrus-luks/orthrus/cmd/orthrus").CombinedOutput()
		if err = buildErr; err != nil {
			err = fmt.Errorf("%w\n%s", err, out)
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "building orthrus:", err)
		os.Exit(1)
	}
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// ram is a volume in memory.
type ram []byte

func (r ram) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, r[min(int(off), len(r)):])
	if n < len(p) {
		return n, syscall.EIO
	}
	return n, nil
}
func (r ram) WriteAt(p []byte, off int64) (int, error) { return copy(r[off:], p), nil }
func (r ram) Sync() error                              { return nil }
func (r ram) Size() int64                              { return int64(len(r)) }

// headRoom is what is compared of an image: heads and the first keyslot.
const (
	headSize = 16 << 10
	headRoom = 1 << 20
)

// newVolume is a recorded volume under a UUID of its own.
func newVolume(t *testing.T, number int) (image []byte, uuid string) {
	t.Helper()
	image, _ = vectors.Open("luks2-serpent")
	uuid = fmt.Sprintf("11111111-2222-4333-8444-%012x", number)
	v, err := luks.Load(t.Context(), ram(image))
	if err == nil {
		err = v.SetUUID(t.Context(), uuid)
	}
	if err != nil {
		t.Fatal(err)
	}
	return image, uuid
}

// put writes an image with a hole where there are zeros behind the keyslots in use.
func put(t *testing.T, path string, image []byte) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err = f.Write(image[:headRoom]); err == nil {
		err = f.Truncate(int64(len(image)))
	}
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		t.Fatal(err)
	}
}

// guarded is a directory with images, a store and a configuration.
type guarded struct{ dir, images string }

func newGuarded(t *testing.T, settings string) guarded {
	t.Helper()
	g := guarded{dir: t.TempDir()}
	g.images = filepath.Join(g.dir, "images")
	if err := os.Mkdir(g.images, 0o700); err != nil {
		t.Fatal(err)
	}
	text := "log = json\nimages = " + g.images + "/*.img\n" + settings + "\n"
	if err := os.WriteFile(filepath.Join(g.dir, "conf"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return g
}

func (g guarded) image(name string) string { return filepath.Join(g.images, name+".img") }

// command is a guard command in the directory's world.
func (g guarded) command(args ...string) *exec.Cmd {
	c := exec.Command(program, append([]string{"guard", "--config", filepath.Join(g.dir, "conf")}, args...)...)
	c.Env = append(os.Environ(), "ORTHRUS_STATE_DIR="+filepath.Join(g.dir, "state"), "ORTHRUS_RUN_DIR="+filepath.Join(g.dir, "run"))
	return c
}

// daemon is a running guard.
type daemon struct {
	guarded
	process *exec.Cmd
	ended   chan error
}

func (g guarded) start(t *testing.T) *daemon {
	t.Helper()
	d := &daemon{guarded: g, process: g.command(), ended: make(chan error, 1)}
	log, err := os.OpenFile(filepath.Join(g.dir, "log"), os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	d.process.Stderr, d.process.Stdout = log, log
	if err := d.process.Start(); err != nil {
		t.Fatal(err)
	}
	go func() { d.ended <- d.process.Wait() }()
	t.Cleanup(func() {
		_ = d.process.Process.Kill()
		if t.Failed() {
			text, _ := os.ReadFile(filepath.Join(g.dir, "log"))
			t.Logf("the guard's last words:\n%s", text[max(0, len(text)-4000):])
		}
	})
	await(t, 60*time.Second, "the guard has looked at everything", func() bool { return strings.Contains(d.log(t), "every device was looked at") })
	return d
}

func (d *daemon) log(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(d.dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func (d *daemon) stop(t *testing.T) {
	t.Helper()
	_ = d.process.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-d.ended:
		if err != nil {
			t.Errorf("the guard ended with %v", err)
		}
	case <-time.After(pace.Limit(20 * time.Second)):
		t.Error("the guard does not stop")
	}
}

// report is what guard status --json prints, as far as it is read here.
type report struct {
	Looks, Repairs, Rescans, Overruns, Events, Failures int
	Forged                                              int `json:"events_forged"`
	Unread                                              int `json:"events_malformed"`
	Volumes                                             []known
}

// healthyBelow counts the volumes in order whose files lie in a directory. The guard sees all devices of this
// machine, those too that others have plugged meanwhile.
func (r report) healthyBelow(dir string) (n int) {
	for _, v := range r.Volumes {
		if strings.HasPrefix(v.Device, dir) && v.Verdict == "healthy" {
			n++
		}
	}
	return n
}

// onlyEvents tells that there were no more looks since than true events: those of devices that others plugged.
func (r report) onlyEvents(before report) bool { return r.Looks-before.Looks <= r.Events-before.Events }

func (d *daemon) status(t *testing.T) report {
	t.Helper()
	out, err := d.command("status", "--json").Output()
	if err != nil {
		t.Fatalf("status: %v", err)
	}
	var r report
	if err := json.Unmarshal(out, &r); err != nil {
		t.Fatal(err)
	}
	return r
}

// quiet waits until nothing is looked at any more, and returns the status then.
func (d *daemon) quiet(t *testing.T) report {
	t.Helper()
	before := d.status(t)
	if !pace.Await(24*time.Second, func() bool {
		time.Sleep(400 * time.Millisecond)
		last := before
		before = d.status(t)
		return before.Looks == last.Looks && before.Events == last.Events
	}) {
		t.Fatal("the guard does not come to rest")
	}
	return before
}

// processor is the time that the guard has used of it.
func (d *daemon) processor(t *testing.T) time.Duration {
	t.Helper()
	fields := strings.Fields(after(d.proc(t, "stat"), ") "))
	user, err1 := strconv.Atoi(fields[11])
	system, err2 := strconv.Atoi(fields[12])
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

// memory is a line of the guard's status in /proc, in KiB.
func (d *daemon) memory(t *testing.T, line string) int {
	t.Helper()
	text := after(d.proc(t, "status"), line+":")
	n, err := strconv.Atoi(strings.Fields(text)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func (d *daemon) proc(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", d.process.Process.Pid, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func after(text, mark string) string {
	_, rest, _ := strings.Cut(text, mark)
	return rest
}

// await waits until something is so that takes quiet at most on a quiet machine.
func await(t *testing.T, quiet time.Duration, what string, so func() bool) {
	t.Helper()
	if !pace.Await(quiet, so) {
		t.Fatalf("not in %v: %s", pace.Limit(quiet), what)
	}
}

// differs tells where an image differs from what it was; in a rewritten head salt and sum may.
func differs(got, want []byte) string {
	for i := range want {
		in := i % headSize
		fresh := i < 2*headSize && (in >= 104 && in < 168 || in >= 448 && in < 512)
		if got[i] != want[i] && !fresh {
			return fmt.Sprintf("byte %d is %02x, not %02x", i, got[i], want[i])
		}
	}
	return ""
}

// inOrder tells what is wrong with an image that must hold a volume as it was: "" for nothing.
func inOrder(t *testing.T, path string, want []byte) string {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	v, err := luks.Load(t.Context(), ram(got))
	if err != nil {
		return err.Error()
	}
	if !v.Choice.Healthy() {
		return v.Choice.Reason.String()
	}
	if !bytes.Equal(got[2*headSize:headRoom], want[2*headSize:headRoom]) {
		return "the keyslots are not what they were"
	}
	return differs(got[:headRoom], want[:headRoom])
}

// opens tells what keeps an image from being the volume that it was, damaged heads aside.
func opens(t *testing.T, got, want []byte) string {
	t.Helper()
	if !bytes.Equal(got[2*headSize:headRoom], want[2*headSize:headRoom]) {
		return "something beside the heads was written"
	}
	now, err := luks.Load(t.Context(), ram(got))
	if err != nil {
		return err.Error()
	}
	then, err := luks.Load(t.Context(), ram(want))
	if err != nil {
		t.Fatal(err)
	}
	if now.UUID != then.UUID || now.Choice.Copy.Header.SeqID != then.Choice.Copy.Header.SeqID || !now.Metadata().Equal(then.Metadata()) {
		return "another header than before"
	}
	return ""
}
