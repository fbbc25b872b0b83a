// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
)

// sockets are QEMU's ends in the machine's directory.
var sockets = []string{"console", "control", "requests", "qmp"}

// qemuArgs is the whole command line of a machine in dir.
func qemuArgs(cfg Config, b board, k kernel, dir, accel, initramfs string) []string {
	args := []string{
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-machine", b.machine, "-accel", accelArg(accel), "-cpu", b.cpu,
		"-m", fmt.Sprint(cfg.Memory), "-smp", fmt.Sprint(cfg.CPUs),
		"-kernel", k.image, "-initrd", initramfs, "-append", kernelArgs(cfg, b),
	}
	for _, name := range sockets {
		args = append(args, "-chardev", "socket,id="+name+",path="+filepath.Join(dir, name))
	}
	args = append(args,
		"-serial", "chardev:console",
		"-mon", "chardev=qmp,mode=control",
		"-device", "virtio-serial-pci",
		"-device", "virtserialport,chardev=control,name="+controlPort,
		"-device", "virtserialport,chardev=requests,name="+requestPort)
	for i := range cfg.Slots {
		args = append(args, "-device", fmt.Sprintf("pcie-root-port,id=port%d,bus=pcie.0,chassis=%d", i, i+1))
	}
	return append(args, cfg.QEMUArgs...)
}

func accelArg(accel string) string {
	if accel == tcg {
		return "tcg,thread=multi"
	}
	return accel
}

func kernelArgs(cfg Config, b board) string {
	args := append([]string{"console=" + b.console, "panic=1", "loglevel=5"}, b.args...)
	return strings.Join(append(args, cfg.KernelArgs...), " ")
}

// process is a running QEMU.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{}
	output lockedBuffer
}

// lockedBuffer is written by exec and read for a report.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// startProcess starts QEMU so that it dies with this process: the signal comes
// when the thread that started it ends, so one thread is kept for it.
func startProcess(program string, args []string) (*process, error) {
	p := &process{cmd: exec.Command(program, args...), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.Env = append(os.Environ(), "LC_ALL=C")
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	started := make(chan error)
	go func() {
		runtime.LockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait()
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		return nil, fmt.Errorf("machine: %s: %w: %w", program, ErrMissing, err)
	}
	return p, nil
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.ended
}
