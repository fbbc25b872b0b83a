// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
)

// Machine is a virtual machine and its disks. It survives power cuts; Close
// ends it and removes the disks.
type Machine struct {
	cfg    Config
	dir    string
	board  board
	kernel kernel
	accel  string
	disks  *disks

	// Of the present boot.
	process *process
	qmp     *qmp
	console *Console
	control net.Conn
	guest   string // seconds from power-on to the first answer, on the guest's clock

	running sync.Mutex // one command at a time
	broken  error      // why the machine takes no more commands
}

// ErrDead is the kind of errors about a guest that hangs or is gone.
var ErrDead = errors.New("the guest does not answer")

// Start prepares a machine and boots it.
func Start(ctx context.Context, cfg Config) (*Machine, error) {
	m, err := prepareMachine(ctx, cfg.withDefaults())
	if err != nil {
		return nil, err
	}
	if err := m.PowerOn(ctx); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func prepareMachine(ctx context.Context, cfg Config) (*Machine, error) {
	if cfg.Arch != amd64 {
		return newMachine(ctx, cfg, tcg)
	}
	accel, err := accelerator()
	if err != nil {
		return nil, err
	}
	return newMachine(ctx, cfg, accel)
}

func newMachine(ctx context.Context, cfg Config, accel string) (*Machine, error) {
	b, err := cfg.board()
	if err != nil {
		return nil, err
	}
	k, err := findKernel(b)
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "orthrus-vm-")
	if err != nil {
		return nil, fmt.Errorf("machine: %w", err)
	}
	m := &Machine{cfg: cfg, dir: dir, board: b, kernel: k, accel: accel, disks: newDisks(dir, cfg.Slots)}
	if err := firstError(m.addDebian(ctx), m.makeInitramfs(ctx)); err != nil {
		m.Close()
		return nil, err
	}
	return m, nil
}

func (m *Machine) makeInitramfs(ctx context.Context) error {
	if m.cfg.Initramfs != "" {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if err := checkStatic(self); err != nil {
		return err
	}
	binaries, err := buildBinaries(ctx, m.dir, m.cfg.Build)
	if err != nil {
		return err
	}
	return writeInitramfs(m.initramfs(), self, m.cfg, m.kernel, binaries)
}

func (m *Machine) initramfs() string {
	return orDefault(m.cfg.Initramfs, filepath.Join(m.dir, "initramfs"))
}

// PowerOn boots the machine and waits for its first answer. A guest that says
// nothing in time gets a second try, without KVM, and the first is reported:
// seen once in some 300 boots, under emulation on an overloaded host.
func (m *Machine) PowerOn(ctx context.Context) error {
	err := m.boot(ctx)
	if errors.Is(err, ErrDead) && ctx.Err() == nil {
		fmt.Fprintf(os.Stderr, "%v\nmachine: booting once more\n", err)
		m.accel = tcg
		err = m.boot(ctx)
	}
	return err
}

func (m *Machine) boot(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, pace.Limit(m.cfg.BootTimeout))
	defer cancel()
	args, err := m.disks.bootArgs(m.cfg.Disks)
	if err != nil {
		return err
	}
	ends, err := listenAll(m.dir)
	if err != nil {
		return err
	}
	defer closeAll(ends)
	own := qemuArgs(m.cfg, m.board, m.kernel, m.dir, m.accel, m.initramfs())
	m.process, err = startProcess(m.board.program, append(own, args...))
	if err != nil {
		return err
	}
	if err := m.connect(ctx, ends); err != nil {
		m.PowerOff()
		return err
	}
	return nil
}

// connect accepts QEMU's connections and waits until the guest is ready.
func (m *Machine) connect(ctx context.Context, ends map[string]*net.UnixListener) error {
	conns := map[string]net.Conn{}
	for _, name := range sockets {
		conn, err := m.accept(ctx, ends[name])
		if err != nil {
			return fmt.Errorf("machine: qemu did not start: %w\n%s", err, m.process.output.String())
		}
		conns[name] = conn
	}
	m.console = newConsole(conns["console"], m.consoleCopy())
	m.control = conns["control"]
	var err error
	if m.qmp, err = openQMP(ctx, conns["qmp"]); err != nil {
		return err
	}
	go m.answerRequests(conns["requests"])
	m.broken = nil
	if m.cfg.Initramfs != "" {
		return nil
	}
	return m.awaitReady(ctx)
}

func (m *Machine) consoleCopy() io.Writer {
	if os.Getenv("ORTHRUS_CONSOLE") != "" && m.cfg.Console == nil {
		return os.Stderr
	}
	return m.cfg.Console
}

// accept gives up early when QEMU has ended.
func (m *Machine) accept(ctx context.Context, l *net.UnixListener) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		conn, err := l.Accept()
		done <- result{conn, err}
	}()
	select {
	case r := <-done:
		return r.conn, r.err
	case <-m.process.ended:
		return nil, errors.New("it ended")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (m *Machine) awaitReady(ctx context.Context) error {
	kind, payload, err := m.receive(ctx)
	if err != nil {
		return m.dead("boot", fmt.Errorf("%w (processors: %s)", err, m.registers()))
	}
	if kind != frameReady {
		return m.dead("boot", fmt.Errorf("unexpected frame %q", kind))
	}
	fmt.Sscan(string(payload), &m.guest)
	return nil
}

// registers tells where the processors are, for a guest that hangs.
func (m *Machine) registers() string {
	ctx, cancel := context.WithTimeout(context.Background(), pace.Limit(time.Second))
	defer cancel()
	text, err := m.qmp.execute(ctx, "human-monitor-command", map[string]any{"command-line": "info registers -a"})
	if err != nil {
		return err.Error()
	}
	return strings.Join(registerPattern.FindAllString(string(text), -1), " ")
}

var registerPattern = regexp.MustCompile(`(CPU#\d+|RIP=\S+|HLT=\d)`)

// receive reads one frame, within the context.
func (m *Machine) receive(ctx context.Context) (frameKind, []byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = m.control.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	kind, payload, err := readFrame(m.control)
	return kind, payload, firstError(ctx.Err(), err)
}

// dead notes that the machine is of no more use and says what it last wrote.
func (m *Machine) dead(doing string, cause error) error {
	m.broken = fmt.Errorf("machine: %s: %w: %w\nThe console ends with:\n%s%s", doing, ErrDead, cause,
		m.console.Tail(80), m.process.output.String())
	return m.broken
}

// Run runs a command in the guest and returns its exit code. One command runs
// at a time. When the context ends first the command is killed.
func (m *Machine) Run(ctx context.Context, c Command) (int, error) {
	m.running.Lock()
	defer m.running.Unlock()
	if m.broken != nil {
		return -1, m.broken
	}
	err := writeJSONFrame(m.control, frameRun, command{Args: c.Args, Env: c.Env, Dir: c.Dir, Stdin: c.Stdin})
	if err != nil {
		return -1, m.dead(c.Args[0], err)
	}
	return m.follow(ctx, c)
}

// Command is something to run in the guest.
type Command struct {
	Args   []string // the program, looked up in the guest's PATH, and its arguments
	Env    []string // added to the guest's environment
	Dir    string
	Stdin  []byte
	Stdout io.Writer
	Stderr io.Writer
}

// killGrace is how long a killed command may take to end, on a quiet machine.
const killGrace = 5 * time.Second

func (m *Machine) follow(ctx context.Context, c Command) (int, error) {
	stop := context.AfterFunc(ctx, func() { _ = writeFrame(m.control, frameKill, nil) })
	defer stop()
	limit, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	context.AfterFunc(ctx, func() { time.AfterFunc(pace.Limit(killGrace), cancel) })
	for {
		kind, payload, err := m.receive(limit)
		if err != nil {
			return -1, m.dead(c.Args[0], firstError(ctx.Err(), err))
		}
		switch kind {
		case frameOutput:
			pass(c.Stdout, payload)
		case frameError:
			pass(c.Stderr, payload)
		case frameStatus:
			return finished(ctx, c, payload)
		}
	}
}

func pass(to io.Writer, p []byte) {
	if to != nil {
		_, _ = to.Write(p)
	}
}

func finished(ctx context.Context, c Command, payload []byte) (int, error) {
	var s status
	if err := json.Unmarshal(payload, &s); err != nil {
		return -1, err
	}
	if err := ctx.Err(); err != nil {
		return s.Code, fmt.Errorf("machine: %s: %w", c.Args[0], err)
	}
	if s.Code < 0 {
		return s.Code, fmt.Errorf("machine: %s: %s", c.Args[0], s.Error)
	}
	return s.Code, nil
}

// PowerOff ends QEMU at once, as a power cut would; the disks keep every write
// that was completed.
func (m *Machine) PowerOff() {
	if m.process == nil {
		return
	}
	m.process.kill()
	m.process = nil
	for _, c := range []net.Conn{m.control, m.consoleConn(), m.qmpConn()} {
		if c != nil {
			_ = c.Close()
		}
	}
	m.broken = errors.New("machine: powered off")
}

func (m *Machine) consoleConn() net.Conn {
	if m.console == nil {
		return nil
	}
	return m.console.conn
}

func (m *Machine) qmpConn() net.Conn {
	if m.qmp == nil {
		return nil
	}
	return m.qmp.conn
}

// Close ends the machine and removes its disks.
func (m *Machine) Close() {
	m.PowerOff()
	_ = os.RemoveAll(m.dir)
}

// Console is the serial port of the present boot.
func (m *Machine) Console() *Console { return m.console }

// Accelerator is "kvm" or "tcg".
func (m *Machine) Accelerator() string { return m.accel }

// GuestUptime is the guest's clock, in seconds as text, when it first answered.
func (m *Machine) GuestUptime() string { return m.guest }

func listenAll(dir string) (map[string]*net.UnixListener, error) {
	ends := map[string]*net.UnixListener{}
	for _, name := range sockets {
		l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, name), Net: "unix"})
		if err != nil {
			closeAll(ends)
			return nil, fmt.Errorf("machine: %w", err)
		}
		ends[name] = l
	}
	return ends, nil
}

func closeAll(ends map[string]*net.UnixListener) {
	for _, l := range ends {
		_ = l.Close()
	}
}
