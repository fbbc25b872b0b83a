// SPDX-License-Identifier: Apache-2.0

// Package machine runs Go test functions inside a virtual machine with a real
// Linux kernel, where they may use device-mapper, loop devices and disks that
// come, go and grow.
//
// # A test inside
//
// The package under test gets one TestMain:
//
//	func TestMain(m *testing.M) {
//		machine.Main(m, machine.Config{
//			Modules:  []string{"dm-crypt", "loop"},
//			Programs: []string{"cryptsetup"},
//			Disks:    []machine.Disk{{Name: "a", Size: 64 << 20}},
//		})
//	}
//
// and its tests look like any other:
//
//	func TestFormat(t *testing.T) {
//		machine.Inside(t, func(t *testing.T) {
//			disk := machine.DiskPath(t, "a")
//			...
//		})
//	}
//
// Run them with `CGO_ENABLED=0 go test`: the test binary itself, linked
// statically, is the guest's init and the program that runs there. On the host
// Inside asks the guest to run the same test; there Inside calls its function.
// Subtests, logs and failures come back as if the test had run on the host.
// Code outside Inside runs on both sides. One machine is booted at the first
// Inside, shared by all tests of the binary, and ended with it; a guest that
// hangs or dies fails the running test with the last lines of its console, and
// the next test gets a fresh machine.
//
// # What a test inside may ask of the host
//
// Plug attaches a new disk, Unplug pulls it out, Resize changes the size of one
// while it is in use, Detach and reattach are Unplug and Plug with the same
// name (the data stays). DiskPath tells the device node of a disk.
//
// # More than one boot
//
// Boot starts a machine of the test's own. Its steps run in order, and between
// them the host can cut the power:
//
//	func TestSurvivesPowerCut(t *testing.T) {
//		vm := machine.Boot(t, config)
//		vm.Step(t, "write", func(t *testing.T) { ... })
//		vm.PowerCut(t)
//		vm.Step(t, "read", func(t *testing.T) { ... })
//	}
//
// # What the guest has
//
// /dev (devtmpfs), /proc, /sys, /run, /tmp, the programs of Config.Programs
// with their libraries, the binaries of Config.Build, the package's testdata
// (the working directory is the package's), and the modules of Config.Modules
// with what they need. The kernel loads them on demand, as on any machine, by
// calling /sbin/modprobe, which is the same binary again; Config.Load names
// those to load at boot. There is no udevd unless a test starts it.
//
// # A Debian inside
//
// With Config.Debian the guest's root is a small Debian instead, on a disk of
// its own, with the packages that are named there:
//
//	machine.Main(m, machine.Config{Debian: []string{"cryptsetup", "lvm2"}})
//
// Everything else is as above: the same init of ours, which starts no service,
// runs the tests; what it brings along (Build, Files, Modules, testdata) is
// copied into that root. The image is made when its list of packages is first
// used, by scripts/debian-root, and stays in the cache; each machine writes to
// an overlay of its own and finds the root new. DebianRoot and Disk.Base give
// the image to a machine with an initramfs of its own, where it boots with
// systemd to a login on the serial port, as root without a password.
//
// # Environment
//
// KERNEL and MODULES name another kernel image and its /lib/modules directory.
// ORTHRUS_CACHE is where `scripts/setup` unpacked Debian's (default
// $XDG_CACHE_HOME/orthrus or ~/.cache/orthrus). ORTHRUS_ACCEL is kvm or tcg
// when the choice is not to be made by trying. ORTHRUS_CONSOLE=1 shows the
// guest's console on standard error. Variables that begin with ORTHRUS_ are
// passed into the guest.
package machine
