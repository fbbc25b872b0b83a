// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// mounted is a volume in use: mapped, with a file system and a file.
type mounted struct {
	name, node, uuid string
	sum              [32]byte
}

const mountPoint = "/mnt"

func mountVolume(t *testing.T, name string, size int64, open ...string) *mounted {
	t.Helper()
	m := &mounted{name: name, node: machine.Plug(t, machine.Disk{Name: name, Size: size})}
	m.uuid = format(t, m.node)
	m.use(t, open...)
	return m
}

// use maps it, makes a file system on it, mounts that and writes a file.
func (m *mounted) use(t *testing.T, open ...string) {
	t.Helper()
	run(t, append([]string{"orthrus", "open", "--key-file", keyFile, m.node, m.name}, open...)...)
	run(t, "mkfs.ext4", "-q", "/dev/mapper/"+m.name)
	if err := os.MkdirAll(mountPoint, 0o755); err != nil {
		t.Fatal(err)
	}
	run(t, "mount", "/dev/mapper/"+m.name, mountPoint)
	data := bytes.Repeat([]byte("kept through everything "), 40000)
	m.sum = sha256.Sum256(data)
	if err := os.WriteFile(mountPoint+"/file", data, 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, "sync")
}

// intact reads the file back.
func (m *mounted) intact(t *testing.T) {
	t.Helper()
	data, err := os.ReadFile(mountPoint + "/file")
	if err != nil || sha256.Sum256(data) != m.sum {
		t.Errorf("the file is not what it was: %v", err)
	}
}

// release takes everything down.
func (m *mounted) release(t *testing.T) {
	t.Helper()
	run(t, "umount", mountPoint)
	run(t, "orthrus", "close", m.name)
}

// cryptsetupOpens opens it with the real cryptsetup and reads the file.
func (m *mounted) cryptsetupOpens(t *testing.T) {
	t.Helper()
	run(t, "cryptsetup", "open", "--key-file", keyFile, m.node, m.name)
	run(t, "mount", "/dev/mapper/"+m.name, mountPoint)
	m.intact(t)
	run(t, "umount", mountPoint)
	run(t, "cryptsetup", "close", m.name)
}

func reportedOnly(t *testing.T) {
	m := mountVolume(t, "report", 24*mib)
	g := startGuard(t, "")
	whole := read(t, m.node, 1*mib)
	write(t, m.node, make([]byte, 2*headSize), 0)
	v := eventually(t, m.node, "reported", func(v *watched) bool { return v.Verdict == "lost" })
	if v.UUID != m.uuid || v.Would != "restore" || !strings.Contains(fmt.Sprint(v.Because), "repair = off") {
		t.Errorf("%+v", v)
	}
	settled(t)
	if got := read(t, m.node, 1*mib); !bytes.Equal(got[:2*headSize], make([]byte, 2*headSize)) || !bytes.Equal(got[2*headSize:], whole[2*headSize:]) {
		t.Error("something was written")
	}
	m.intact(t)
	m.release(t)
	g.stop(t)
	machine.Unplug(t, m.name)
}

func restoredLive(t *testing.T) {
	m := mountVolume(t, "restore", 24*mib)
	g := startGuard(t, "repair = proven")
	whole := read(t, m.node, beginning)
	begin := time.Now()
	write(t, m.node, make([]byte, 2*headSize), 0)
	v := eventually(t, m.node, "restored", func(v *watched) bool { return v.Did != "" })
	t.Logf("restored %v after the write was closed", time.Since(begin))
	if got := read(t, m.node, beginning); !bytes.Equal(got[:1*mib], whole[:1*mib]) {
		t.Errorf("not byte for byte: %s", differs(got[:1*mib], whole[:1*mib], false))
	}
	if v.Verdict != "healthy" || v.Undo == "" || !g.says("WRITTEN TO", m.uuid, "restore") {
		t.Errorf("%+v", v)
	}
	m.intact(t)
	m.release(t)
	m.cryptsetupOpens(t)
	if history := run(t, "orthrus", "guard", "history", m.uuid); !strings.Contains(history, "restored") {
		t.Errorf("the history says %s", history)
	}
	g.stop(t)
	machine.Unplug(t, m.name)
}

// never erases a volume in use, and wants it to stay erased.
func never(t *testing.T, erase func(t *testing.T, m *mounted)) {
	m := mountVolume(t, "never", 24*mib)
	g := startGuard(t, "repair = proven")
	erase(t, m)
	after := read(t, m.node, 1*mib)
	v := eventually(t, m.node, "reported", func(v *watched) bool { return v.Verdict == "lost" && v.Would == "restore" })
	why := fmt.Sprint(v.Because) // our own erase destroys what the guard kept, too
	if !strings.Contains(why, "gone") && !strings.Contains(why, "no keyslot was left") && !strings.Contains(why, "never seen in order") {
		t.Errorf("%+v", v)
	}
	settled(t)
	if !bytes.Equal(read(t, m.node, 1*mib), after) {
		t.Error("an erased volume was written to")
	}
	m.intact(t)
	run(t, "umount", mountPoint)
	run(t, "orthrus", "close", m.name)
	if out, err := exec.Command("cryptsetup", "open", "--test-passphrase", "--key-file", keyFile, m.node).CombinedOutput(); err == nil {
		t.Errorf("it still opens: %s", out)
	}
	g.stop(t)
	machine.Unplug(t, m.name)
}

func neverAfterErase(t *testing.T) {
	never(t, func(t *testing.T, m *mounted) {
		run(t, "cryptsetup", "-q", "erase", m.node)
		write(t, m.node, make([]byte, 2*headSize), 0)
	})
}

func neverAfterSeenErase(t *testing.T) {
	never(t, func(t *testing.T, m *mounted) {
		run(t, "cryptsetup", "-q", "erase", m.node)
		machine.Eventually(t, 20*time.Second, "the erase is known", func() bool {
			return strings.Contains(run(t, "orthrus", "guard", "history", m.uuid), "revoked")
		})
		write(t, m.node, make([]byte, 2*headSize), 0)
	})
}

func neverAfterShred(t *testing.T) {
	never(t, func(t *testing.T, m *mounted) { write(t, m.node, make([]byte, 256<<10), 0) })
}

func neverAfterOurErase(t *testing.T) {
	never(t, func(t *testing.T, m *mounted) {
		run(t, "orthrus", "erase", "-q", m.node)
		write(t, m.node, make([]byte, 2*headSize), 0)
	})
}
