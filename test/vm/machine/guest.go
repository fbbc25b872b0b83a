// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

const (
	controlPort = "orthrus.control"
	requestPort = "orthrus.requests"
	guestEnv    = "ORTHRUS_GUEST"
	portsDir    = "/dev/virtio-ports"
)

// guestPath is where programs are looked up inside.
const guestPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

// IsInside tells whether this process runs in a guest.
func IsInside() bool { return os.Getenv(guestEnv) != "" }

// Init takes over when the process is the guest's init or its modprobe, and
// then never returns. A program that boots machines of itself calls it first.
func Init() {
	switch {
	case filepath.Base(os.Args[0]) == "modprobe":
		os.Exit(modprobe(os.Args[1:]))
	case os.Getpid() == 1 && os.Args[0] == "/init":
		err := runInit()
		fmt.Println("orthrus init:", err)
		_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
		select {}
	}
}

func runInit() error {
	if err := mountAll(); err != nil {
		return err
	}
	fmt.Println("orthrus init: started")
	plan, err := readPlan()
	if err != nil {
		return err
	}
	if err := prepare(plan); err != nil {
		return err
	}
	if plan.Root != "" {
		if err := enterRoot(plan); err != nil {
			return err
		}
	}
	if err := os.Setenv("PATH", guestPath); err != nil {
		return err
	}
	control, err := openPort(controlPort)
	if err != nil {
		return err
	}
	uptime, err := os.ReadFile("/proc/uptime")
	if err != nil {
		return err
	}
	if err := writeFrame(control, frameReady, uptime); err != nil {
		return err
	}
	fmt.Println("orthrus init: ready")
	return serve(control, plan)
}

func mountAll() error {
	mounts := []struct {
		kind, dir string
		flags     uintptr
		data      string
	}{
		{"devtmpfs", "/dev", unix.MS_NOSUID, "mode=0755"},
		{"proc", "/proc", unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV, ""},
		{"sysfs", "/sys", unix.MS_NOSUID | unix.MS_NOEXEC | unix.MS_NODEV, ""},
		{"tmpfs", "/run", unix.MS_NOSUID | unix.MS_NODEV, "mode=0755"},
		{"tmpfs", "/tmp", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
		{"devpts", "/dev/pts", unix.MS_NOSUID | unix.MS_NOEXEC, "mode=0620,ptmxmode=0666"},
		{"tmpfs", "/dev/shm", unix.MS_NOSUID | unix.MS_NODEV, "mode=1777"},
	}
	for _, m := range mounts {
		if err := os.MkdirAll(m.dir, 0o755); err != nil {
			return err
		}
		err := unix.Mount(m.kind, m.dir, m.kind, m.flags, m.data)
		if err != nil && !errors.Is(err, unix.EBUSY) {
			return fmt.Errorf("mount %s: %w", m.dir, err)
		}
	}
	return nil
}

func readPlan() (guestPlan, error) {
	var plan guestPlan
	text, err := os.ReadFile(planFile)
	if err != nil {
		return plan, err
	}
	return plan, json.Unmarshal(text, &plan)
}

func prepare(plan guestPlan) error {
	set, err := readModuleSet()
	if err != nil {
		return err
	}
	for _, name := range plan.Load {
		if err := set.load(moduleName(name)); err != nil {
			return err
		}
	}
	for link, target := range map[string]string{
		"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0",
		"/dev/stdout": "/proc/self/fd/1", "/dev/stderr": "/proc/self/fd/2",
	} {
		if err := os.Symlink(target, link); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return linkPorts()
}

// linkPorts names the virtio-serial ports as udev would.
func linkPorts() error {
	if err := os.MkdirAll(portsDir, 0o755); err != nil {
		return err
	}
	var names []string
	if !pace.Await(10*time.Second, func() bool {
		names, _ = filepath.Glob("/sys/class/virtio-ports/*/name")
		return len(names) >= 2
	}) {
		return errors.New("no virtio-serial ports")
	}
	return linkEach(names)
}

func linkEach(names []string) error {
	for _, file := range names {
		text, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		link := filepath.Join(portsDir, strings.TrimSpace(string(text)))
		node := filepath.Join("/dev", filepath.Base(filepath.Dir(file)))
		if err := os.Symlink(node, link); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	return nil
}

// openPort opens a port, which one process at a time may have.
func openPort(name string) (*os.File, error) {
	var f *os.File
	var err error
	pace.Await(30*time.Second, func() bool {
		f, err = os.OpenFile(filepath.Join(portsDir, name), os.O_RDWR, 0)
		return !errors.Is(err, unix.EBUSY) && !errors.Is(err, fs.ErrNotExist)
	})
	return f, err
}
