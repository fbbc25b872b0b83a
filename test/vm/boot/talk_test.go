// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"net"
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

// report is what orthrus boot --json prints.
type report struct {
	Volumes []struct {
		Name, State, Device, Node, By, Reason string
		Root, Required                        bool
		Waited                                int64 `json:"waited_ns"`
	}
	Degraded bool
	Took     int64 `json:"took_ns"`
}

// state is a volume's.
func (r report) state(name string) string {
	for _, v := range r.Volumes {
		if v.Name == name {
			return v.State
		}
	}
	return "not planned"
}

// boot is a run of orthrus boot, at whose socket somebody sits.
type boot struct {
	t       *testing.T
	tab     string
	line    string   // of the kernel
	args    []string // further arguments
	answers []string // what people say, question by question

	report report
	said   string // everything that was said to people
	asked  []string
	code   int
	ended  chan struct{} // closed when it has
}

const socket = "/run/orthrus/ask"

// bound is how long a boot may take on a quiet machine; one that takes longer is made to say where it hangs.
const bound = 90 * time.Second

// start runs it in the background; the returned step waits for its end.
func (b *boot) start() (wait func()) {
	b.t.Helper()
	dir := b.t.TempDir()
	tab, line := filepath.Join(dir, "crypttab"), filepath.Join(dir, "cmdline")
	write(b.t, tab, b.tab)
	write(b.t, line, b.line)
	var stdout, stderr bytes.Buffer
	cmd := exec.Command("orthrus", append([]string{"boot", "--json", "--crypttab", tab, "--cmdline", line}, b.args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := os.Remove(socket); err != nil && !os.IsNotExist(err) {
		b.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		b.t.Fatal(err)
	}
	hung := time.AfterFunc(pace.Limit(bound), func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	b.ended = make(chan struct{})
	talked := make(chan struct{})
	go func() {
		defer close(talked)
		b.talk()
	}()
	return func() {
		b.t.Helper()
		_ = cmd.Wait()
		close(b.ended)
		hung.Stop()
		<-talked
		b.code = cmd.ProcessState.ExitCode()
		b.said += stderr.String()
		if err := json.Unmarshal(stdout.Bytes(), &b.report); err != nil {
			b.t.Fatalf("exit code %d, no report: %v\n%s\n%s", b.code, err, stdout.Bytes(), b.said)
		}
	}
}

// run runs it to its end.
func (b *boot) run() *boot {
	b.t.Helper()
	b.start()()
	for name := range b.opened() {
		b.t.Cleanup(func() { _ = exec.Command("orthrus", "close", name).Run() })
	}
	return b
}

func (b *boot) opened() map[string]bool {
	all := map[string]bool{}
	for _, v := range b.report.Volumes {
		if v.State == "opened" {
			all[v.Name] = true
		}
	}
	return all
}

// talk answers at the socket until it is gone.
func (b *boot) talk() {
	var c net.Conn
	for {
		var err error
		if c, err = net.Dial("unix", socket); err == nil {
			break
		}
		select {
		case <-b.ended:
			return // it had nothing to ask
		case <-time.After(10 * time.Millisecond):
		}
	}
	defer c.Close()
	for lines := bufio.NewScanner(c); lines.Scan(); {
		var m struct {
			Ask   int
			Title string
			Say   string
		}
		if err := json.Unmarshal(lines.Bytes(), &m); err != nil {
			b.t.Errorf("%s: %v", lines.Bytes(), err)
		}
		if m.Say != "" {
			b.said += m.Say + "\n"
		}
		if m.Ask != 0 {
			b.asked = append(b.asked, m.Title)
			if len(b.answers) > 0 {
				fmt.Fprintf(c, "answer %d %d\n%s", m.Ask, len(b.answers[0]), b.answers[0])
				b.answers = b.answers[1:]
			}
		}
	}
}

// expect checks exit code, states ("root=opened data=absent"), and that something was said.
func (b *boot) expect(code int, states string, says ...string) {
	b.t.Helper()
	for _, word := range strings.Fields(states) {
		name, want, _ := strings.Cut(word, "=")
		if got := b.report.state(name); got != want {
			b.t.Errorf("%s is %s, want %s", name, got, want)
		}
	}
	if b.code != code {
		b.t.Errorf("exit code %d, want %d", b.code, code)
	}
	for _, want := range says {
		if !strings.Contains(b.said, want) {
			b.t.Errorf("nobody said %q", want)
		}
	}
	if b.t.Failed() {
		b.t.Logf("%+v\nasked %q\n%s", b.report, b.asked, b.said)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func run(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return string(out)
}

const (
	uuidA = "aaaaaaaa-0000-4000-8000-00000000000a"
	uuidB = "bbbbbbbb-0000-4000-8000-00000000000b"
)

// format makes a volume with real cryptsetup.
func format(t *testing.T, device, uuid, passphrase string, args ...string) {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	write(t, key, passphrase)
	all := []string{"luksFormat", "-q", "--uuid", uuid, "--key-file", key, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}
	run(t, "cryptsetup", append(append(all, args...), device)...)
	t.Cleanup(func() { clearHeads(t, device) })
}

// clearHeads leaves no volume of the uuid that the next test gives another disk. The disk may be gone.
func clearHeads(t *testing.T, device string) {
	if _, err := os.Stat(device); err == nil {
		wipe(t, device, 0, 8<<20)
	}
}

func disk(t *testing.T, name string) string { return machine.DiskPath(t, name) }
