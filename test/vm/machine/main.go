// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
)

// shared is the machine that all tests of the binary use. Tests have nothing
// else in common that could hold it.
var shared struct {
	mu     sync.Mutex
	cfg    Config
	set    bool
	vm     *Machine
	failed error // the machine could not be started at all
}

// Main is the body of TestMain: it runs the tests, here or inside, and ends the
// shared machine after them.
func Main(m *testing.M, cfg Config) {
	Init()
	shared.cfg, shared.set = cfg, true
	code := m.Run()
	shared.mu.Lock()
	if shared.vm != nil {
		shared.vm.Close()
	}
	os.Exit(code)
}

// Inside runs f in the shared machine. The test fails when f fails there.
func Inside(t *testing.T, f func(t *testing.T)) {
	t.Helper()
	if IsInside() {
		f(t)
		return
	}
	vm, err := sharedMachine(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	vm.test(t)
}

// sharedMachine boots the machine when there is none or the last one died. A
// machine that does not start fails every test with the same words.
func sharedMachine(ctx context.Context) (*Machine, error) {
	shared.mu.Lock()
	defer shared.mu.Unlock()
	switch {
	case !shared.set:
		return nil, errors.New("machine: TestMain does not call machine.Main")
	case shared.failed != nil:
		return nil, shared.failed
	case shared.vm != nil && shared.vm.broken == nil:
		return shared.vm, nil
	case shared.vm != nil:
		shared.vm.Close()
	}
	// The machine outlives the test that happens to need it first.
	shared.vm, shared.failed = Start(context.WithoutCancel(ctx), shared.cfg)
	return shared.vm, shared.failed
}

// VM is a machine of one test's own.
type VM struct{ m *Machine }

// Boot starts a machine for one test, ended with it. Inside, it is the machine
// the test is in.
func Boot(t *testing.T, cfg Config) *VM {
	t.Helper()
	if IsInside() {
		return &VM{}
	}
	m, err := Start(t.Context(), cfg)
	must(t, err)
	t.Cleanup(m.Close)
	return &VM{m}
}

// Step runs f in the machine as a subtest of that name.
func (v *VM) Step(t *testing.T, name string, f func(t *testing.T)) {
	t.Helper()
	ok := t.Run(name, func(t *testing.T) {
		if IsInside() {
			f(t)
			return
		}
		v.m.test(t)
	})
	if !ok {
		t.FailNow()
	}
}

// PowerCut ends the machine without warning and boots it again with the disks
// as they are.
func (v *VM) PowerCut(t *testing.T) {
	t.Helper()
	if IsInside() {
		return
	}
	v.m.PowerOff()
	must(t, v.m.PowerOn(t.Context()))
}

// reportTime, on a quiet machine, is kept free before a deadline, first inside and
// then here, so that a guest that hangs is reported before the binary is ended.
const reportTime = 5 * time.Second

// test runs the test that t is in the guest and gives t its outcome.
func (m *Machine) test(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	args := append([]string{"/init"}, testArgs(t.Name())...)
	if left := m.timeLeft(t); left > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, left+pace.Limit(reportTime))
		defer cancel()
		args = append(args, "-test.timeout="+left.String())
	}
	r := newResults(t.Name())
	go func() {
		code, err := m.Run(ctx, Command{Args: args, Env: guestEnviron(), Stdout: r, Stderr: r})
		r.end(code, err)
	}()
	r.root.mirror(t)
}

// timeLeft is how long a test inside may take, at least a second; 0 means as
// long as it wants.
func (m *Machine) timeLeft(t *testing.T) time.Duration {
	left := pace.Limit(m.cfg.TestTimeout)
	if deadline, ok := t.Deadline(); ok {
		untilThen := max(time.Until(deadline)-2*pace.Limit(reportTime), time.Second)
		if left == 0 || untilThen < left {
			left = untilThen
		}
	}
	return left
}

// testArgs selects the test, with the part of -test.run that concerns its
// subtests, and passes on the flags that mean something inside.
func testArgs(name string) []string {
	var run []string
	for part := range strings.SplitSeq(name, "/") {
		run = append(run, "^"+regexp.QuoteMeta(part)+"$")
	}
	if f := flag.Lookup("test.run"); f != nil {
		if asked := strings.Split(f.Value.String(), "/"); len(asked) > len(run) {
			run = append(run, asked[len(run):]...)
		}
	}
	args := []string{"-test.run=" + strings.Join(run, "/"), "-test.v=test2json"}
	flag.Visit(func(f *flag.Flag) {
		if !strings.HasPrefix(f.Name, "test.") || slices.Contains([]string{"test.short", "test.parallel"}, f.Name) {
			args = append(args, fmt.Sprintf("-%s=%s", f.Name, f.Value))
		}
	})
	return args
}

// guestEnviron passes on what concerns tests, and the host's pace: limits are
// written with an emulated guest in mind.
func guestEnviron() []string {
	env := []string{fmt.Sprintf("%s=%.2f", pace.Env, pace.Factor())}
	for _, v := range os.Environ() {
		if strings.HasPrefix(v, "ORTHRUS_") || strings.HasPrefix(v, "GODEBUG=") {
			env = append(env, v)
		}
	}
	return env
}
