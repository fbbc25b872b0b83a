// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// withVolume does something to the volume on a device.
func withVolume(t *testing.T, node string, write bool, do func(ctx context.Context, v *luks.Volume) error) {
	t.Helper()
	file, err := luks.OpenDevice(node, luks.DeviceOptions{Write: write})
	if err != nil {
		t.Fatal(err)
	}
	v, err := luks.Load(t.Context(), file)
	if err == nil {
		err = do(t.Context(), v)
	}
	if err := errors.Join(err, file.Close()); err != nil {
		t.Fatalf("%s: %v", node, err)
	}
}

// enableFar gives a fresh volume, whose data nobody uses yet, a far header.
func enableFar(t *testing.T, node string) {
	t.Helper()
	withVolume(t, node, true, func(ctx context.Context, v *luks.Volume) error {
		_, err := v.EnableFar(ctx, luks.Room{End: mib})
		return err
	})
}

func farOf(t *testing.T, node string) (f luks.FarHeader) {
	t.Helper()
	withVolume(t, node, false, func(ctx context.Context, v *luks.Volume) (err error) {
		f, err = v.Far(ctx)
		return err
	})
	return f
}

// atTheEnd: the far header is in step and lies in the last three MiB.
func atTheEnd(t *testing.T, node string, size uint64) bool {
	f := farOf(t, node)
	return f.Standing == far.InStep && f.Token.Phase == far.Stable && f.Token.DeviceSize == size && f.Token.Far.Start() >= size-3*mib
}

var errCut = errors.New("cut")

// cutGrowth begins to follow a grown device, and stops before a step.
func cutGrowth(t *testing.T, node string, before int) {
	t.Helper()
	withVolume(t, node, true, func(ctx context.Context, v *luks.Volume) (err error) {
		defer func() {
			if r := recover(); r != errCut {
				err = fmt.Errorf("not cut: %v, %w", r, err)
			}
		}()
		step := 0
		return v.Grow(ctx, luks.GrowOptions{Tell: func(relocate.Step) {
			if step++; step > before {
				panic(errCut)
			}
		}})
	})
}

func farHotplug(t *testing.T, policy string) {
	lostName, cutName := fmt.Sprint("lost", len(policy)), fmt.Sprint("cut", len(policy))
	lost := machine.Plug(t, machine.Disk{Name: lostName, Size: 24 * mib})
	cut := machine.Plug(t, machine.Disk{Name: cutName, Size: 24 * mib})
	for _, node := range []string{lost, cut} {
		format(t, node)
		enableFar(t, node)
	}
	startGuard(t, "").stop(t) // which sees them in order
	whole := read(t, lost, beginning)
	write(t, lost, make([]byte, 2*headSize), 0)
	machine.Unplug(t, lostName)
	machine.Resize(t, cutName, 40*mib)
	cutGrowth(t, cut, 3)
	begun := read(t, cut, beginning)
	machine.Unplug(t, cutName)
	g := startGuard(t, policy)

	lost = machine.Plug(t, machine.Disk{Name: lostName, Size: 24 * mib})
	plugged := time.Now()
	if policy == "" {
		v := eventually(t, lost, "reported", func(v *watched) bool { return v.Would == "from far" })
		if v.Verdict != "lost" || !bytes.Equal(read(t, lost, 2*headSize), make([]byte, 2*headSize)) {
			t.Errorf("%+v", v)
		}
	} else {
		v := eventually(t, lost, "restored", func(v *watched) bool { return v.Verdict == "healthy" && v.Undo != "" })
		t.Logf("restored from the far header %v after it was plugged in", time.Since(plugged))
		if d := differs(read(t, lost, beginning), whole, true); d != "" {
			t.Errorf("%s; %+v", d, v)
		}
		machine.Eventually(t, 10*time.Second, "the far header is in step", func() bool { return farOf(t, lost).Standing == far.InStep })
		run(t, "cryptsetup", "open", "--test-passphrase", "--key-file", keyFile, lost)
	}

	cut = machine.Plug(t, machine.Disk{Name: cutName, Size: 40 * mib})
	if policy == "" {
		eventually(t, cut, "reported", func(v *watched) bool { return v.Would == "resume" })
		settled(t)
		if !bytes.Equal(read(t, cut, beginning), begun) {
			t.Error("something was written")
		}
	} else {
		machine.Eventually(t, 20*time.Second, "the growth is concluded", func() bool { return atTheEnd(t, cut, 40*mib) })
		run(t, "cryptsetup", "open", "--test-passphrase", "--key-file", keyFile, cut)
		settled(t)
	}
	g.stop(t)
	machine.Unplug(t, lostName)
	machine.Unplug(t, cutName)
	run(t, "rm", "-rf", "/var/lib/orthrus")
}

// Five times, then pulled out in the middle.
func grownWithFarHeader(t *testing.T) {
	startUdevd(t)
	m := &mounted{name: "far", node: machine.Plug(t, machine.Disk{Name: "far", Size: 32 * mib})}
	m.uuid = format(t, m.node)
	enableFar(t, m.node)
	m.use(t, "--link-for-guard")
	g := startGuard(t, "repair = proven\ngrow = yes")
	stop := make(chan struct{})
	done := make(chan error, 1)
	go func() { done <- churn(stop) }()
	for i := uint64(1); i <= 5; i++ {
		size := (32 + 16*i) * mib
		machine.Resize(t, m.name, int64(size))
		machine.Eventually(t, 30*time.Second, "far header and mapping follow", func() bool {
			return atTheEnd(t, m.node, size) && mappedSize(t, m.name) == int64(farOf(t, m.node).Token.Far.Start())-dataOffset
		})
	}
	close(stop)
	if err := <-done; err != nil {
		t.Errorf("I/O meanwhile: %v", err)
	}
	run(t, "resize2fs", "/dev/mapper/"+m.name)
	m.intact(t)
	machine.Resize(t, m.name, 160*mib)
	machine.Unplug(t, m.name)
	_, _ = exec.Command("umount", "-l", mountPoint).CombinedOutput()
	machine.Eventually(t, 20*time.Second, "the mapping is closed", func() bool { return exec.Command("dmsetup", "info", m.name).Run() != nil })
	m.node = machine.Plug(t, machine.Disk{Name: m.name, Size: 160 * mib})
	machine.Eventually(t, 30*time.Second, "what was begun is concluded", func() bool { return atTheEnd(t, m.node, 160*mib) })
	settled(t)
	m.cryptsetupOpens(t)
	g.stop(t)
	machine.Unplug(t, m.name)
}

func badSectorAndClone(t *testing.T) {
	node := machine.Plug(t, machine.Disk{Name: "sector", Size: 8 * mib})
	uuid := format(t, node)
	whole := read(t, node, beginning)
	g := startGuard(t, "repair = proven")
	machine.LoadModule(t, "dm-mod")
	const sectors = 8 * mib / 512
	run(t, "sh", "-c", fmt.Sprintf("printf '0 8 linear %s 0\n8 1 error\n9 %d linear %s 9\n' | dmsetup create bad", node, sectors-9, node))
	bad := "/dev/dm-0"
	v := eventually(t, bad, "seen", func(v *watched) bool { return v.UUID == uuid })
	if v.Verdict != "healable" || v.Would != "repair" || !strings.Contains(fmt.Sprint(v.Because), "cannot be read") || writesTo(t, bad) != "0" {
		t.Errorf("%s writes, %+v", writesTo(t, bad), v)
	}
	if strings.Contains(fmt.Sprint(v.Findings, v.Because), "the same UUID") {
		t.Errorf("what it stands on is taken for a clone: %+v", v)
	}
	run(t, "dmsetup", "remove", "bad")

	if err := os.WriteFile("/tmp/whole", whole, 0o600); err != nil {
		t.Fatal(err)
	}
	clone := machine.Plug(t, machine.Disk{Name: "clone", Size: 8 * mib})
	hurt := bytes.Clone(whole)
	clear(hurt[:headSize])
	write(t, clone, hurt, 0)
	machine.Unplug(t, "clone")
	machine.Eventually(t, 10*time.Second, "the clone is forgotten", func() bool { return volume(t, clone) == nil })
	clone = machine.Plug(t, machine.Disk{Name: "clone", Size: 8 * mib})
	v = eventually(t, clone, "seen", func(v *watched) bool { return v.UUID == uuid })
	if v.Would != "repair" || !strings.Contains(fmt.Sprint(v.Because), "the same UUID is on "+node) || writesTo(t, clone) != "0" {
		t.Errorf("%s writes, %+v", writesTo(t, clone), v)
	}
	settled(t)
	if !bytes.Equal(read(t, clone, beginning), hurt) || !bytes.Equal(read(t, node, beginning), whole) {
		t.Error("one of two was written to")
	}
	g.stop(t)
	machine.Unplug(t, "clone")
	machine.Unplug(t, "sector")
}
