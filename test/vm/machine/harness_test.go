// SPDX-License-Identifier: Apache-2.0

package machine_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// The tests of the harness run this binary again to see how outcomes inside
// look on the host; outcomeEnv tells the inner run that it is one.
const outcomeEnv = "ORTHRUS_OUTCOME"

func TestMain(m *testing.M) {
	cfg := machine.Config{Disks: []machine.Disk{{Name: "a", Size: 1 << 20}, {Name: "p", Size: 1 << 20, Port: true}}}
	if os.Getenv(outcomeEnv) == "hang" {
		cfg.TestTimeout = time.Second
	}
	machine.Main(m, cfg)
}

// TestOutcome is what the inner run runs.
func TestOutcome(t *testing.T) {
	if os.Getenv(outcomeEnv) == "" {
		return
	}
	outcomes := []struct {
		name string
		f    func(t *testing.T)
	}{
		{"Passes", func(t *testing.T) { t.Log("a log line of a test that passes") }},
		{"Fails", func(t *testing.T) { t.Error("what was wrong") }},
		{"HasSubtests", func(t *testing.T) {
			t.Run("good", func(*testing.T) {})
			t.Run("bad one", func(t *testing.T) { t.Fatal("the second subtest") })
		}},
		{"HasParallelSubtests", func(t *testing.T) {
			for _, name := range []string{"x", "y"} {
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					if name == "y" {
						t.Error("failed side by side")
					}
				})
			}
		}},
		{"Panics", func(*testing.T) { panic("boom") }},
		{"KernelPanics", func(t *testing.T) {
			_ = os.WriteFile("/proc/sysrq-trigger", []byte("c"), 0)
			time.Sleep(time.Minute)
		}},
		{"ComesAfterADeadMachine", func(*testing.T) {}},
		{"Hangs", func(*testing.T) { time.Sleep(time.Hour) }},
	}
	for _, o := range outcomes {
		t.Run(o.name, func(t *testing.T) { machine.Inside(t, o.f) })
	}
}

func TestOutcomesInsideReachTheHost(t *testing.T) {
	expectFailure(t, self(t, "-test.run=^TestOutcome$", "-test.skip=/Hangs", "-test.v"), []string{
		`(?m)^    --- PASS: TestOutcome/Passes`,
		`a log line of a test that passes`,
		`(?m)^    --- FAIL: TestOutcome/Fails`,
		`harness_test.go:\d+: what was wrong`,
		`(?m)^        --- PASS: TestOutcome/HasSubtests/good`,
		`(?m)^        --- FAIL: TestOutcome/HasSubtests/bad_one`,
		`harness_test.go:\d+: the second subtest`,
		`(?m)^        --- PASS: TestOutcome/HasParallelSubtests/x`,
		`(?m)^        --- FAIL: TestOutcome/HasParallelSubtests/y`,
		`(?m)^    --- FAIL: TestOutcome/Panics`,
		`panic: boom`,
		`(?m)^    --- FAIL: TestOutcome/KernelPanics`,
		`sysrq: Trigger a crash`,
		`(?m)^    --- PASS: TestOutcome/ComesAfterADeadMachine`,
	})
}

func TestHangInsideIsReportedInTime(t *testing.T) {
	cmd := self(t, "-test.run=^TestOutcome$/^Hangs$", "-test.v")
	cmd.Env = append(cmd.Env, outcomeEnv+"=hang")
	expectFailure(t, cmd, []string{
		`(?m)^    --- FAIL: TestOutcome/Hangs`,
		`panic: test timed out`,
	})
}

// expectFailure runs a command that must fail and say all that.
func expectFailure(t *testing.T, cmd *exec.Cmd, say []string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("a run with failures inside ended with %v", err)
	}
	for _, want := range say {
		if !regexp.MustCompile(want).Match(out) {
			t.Errorf("the output lacks %s", want)
		}
	}
	if t.Failed() {
		t.Logf("%s", out)
	}
}

func TestMachineDiesWithItsTests(t *testing.T) {
	dir := t.TempDir()
	cmd := self(t, "-test.run=^TestOutcome$/^Hangs$")
	cmd.Env = append(cmd.Env, "TMPDIR="+dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	machine.Eventually(t, 30*time.Second, "the inner run's machine", func() bool { return qemuIn(dir) })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	machine.Eventually(t, 5*time.Second, "the machine to die", func() bool { return !qemuIn(dir) })
}

// qemuIn tells whether a QEMU has something in dir on its command line.
func qemuIn(dir string) bool {
	files, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, file := range files {
		text, _ := os.ReadFile(file)
		if strings.HasPrefix(string(text), "qemu-") && strings.Contains(string(text), dir+"/orthrus-vm-") {
			return true
		}
	}
	return false
}

func TestMissingPrerequisiteFailsAndNamesSetup(t *testing.T) {
	tests := []struct{ name, env string }{
		{"no kernel", "ORTHRUS_CACHE=" + t.TempDir()},
		{"no QEMU", "PATH=" + t.TempDir()},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			cmd := self(t, "-test.run=^TestOutcome$/^Passes$")
			cmd.Env = append(cmd.Env, test.env)
			out, err := cmd.CombinedOutput()
			if err == nil || !strings.Contains(string(out), "run scripts/setup") {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

func self(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), exe, args...)
	cmd.Env = append(os.Environ(), outcomeEnv+"=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	return cmd
}

func TestDisksOutliveAPowerCut(t *testing.T) {
	vm := machine.Boot(t, machine.Config{Disks: []machine.Disk{{Name: "keep", Size: 1 << 20}}})
	vm.Step(t, "write", func(t *testing.T) {
		if err := writeSynced(machine.DiskPath(t, "keep"), "kept"); err != nil {
			t.Fatal(err)
		}
	})
	vm.PowerCut(t)
	vm.Step(t, "read", func(t *testing.T) {
		text, err := os.ReadFile(machine.DiskPath(t, "keep"))
		if err != nil || string(text[:4]) != "kept" {
			t.Fatalf("after a power cut the disk begins with %q, %v", text[:min(4, len(text))], err)
		}
	})
}

func writeSynced(node, text string) error {
	f, err := os.OpenFile(node, os.O_WRONLY|os.O_SYNC, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteString(text)
	return errors.Join(err, f.Close())
}

func TestCommandsRunAndAreKilledInside(t *testing.T) {
	if machine.IsInside() {
		return
	}
	m, err := machine.Start(t.Context(), machine.Config{Programs: []string{"sh", "cat", "sleep"}})
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	var out strings.Builder
	code, err := m.Run(t.Context(), machine.Command{
		Args: []string{"sh", "-c", "cat; exit 7"}, Stdin: []byte("from the host"), Stdout: &out,
	})
	if err != nil || code != 7 || out.String() != "from the host" {
		t.Errorf("code %d, %v, output %q", code, err, out.String())
	}
	ctx, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if _, err := m.Run(ctx, machine.Command{Args: []string{"sleep", "60"}}); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("a command past its deadline: %v", err)
	}
	if code, err := m.Run(t.Context(), machine.Command{Args: []string{"sh", "-c", ":"}}); code != 0 || err != nil {
		t.Errorf("the machine is of no use after a killed command: %d, %v", code, err)
	}
	if _, err := m.Run(t.Context(), machine.Command{Args: []string{"nothing-of-that-name"}}); err == nil {
		t.Error("a program that is not there ran")
	}
	t.Logf("%s, ready after %s s of the guest's time", m.Accelerator(), m.GuestUptime())
}

func TestInsideSelectsSubtests(t *testing.T) {
	cmd := self(t, "-test.run=^TestOutcome$/^HasSubtests$/^good$", "-test.v")
	out, err := cmd.CombinedOutput()
	if err != nil || strings.Contains(string(out), "bad_one") {
		t.Errorf("%v\n%s", err, out)
	}
}
