// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// mapOnce maps with one call, and takes the mapping away at the end of the test where that does not.
func mapOnce(t *testing.T, device string, key []byte, o luks.OpenOptions) *luks.Mapping {
	t.Helper()
	o.Warn = func(err error) { t.Errorf("warned of %v", err) }
	m, err := luks.Open(t.Context(), device, key, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// writeData puts a block at the start of a mapping and at its end.
func writeData(t *testing.T, m *luks.Mapping, block []byte) error {
	t.Helper()
	f, err := os.OpenFile(m.Path, os.O_RDWR|os.O_SYNC, 0)
	if err != nil {
		return err
	}
	_, first := f.WriteAt(block, 0)
	_, last := f.WriteAt(block, int64(m.Size)-int64(len(block)))
	return errors.Join(first, last, f.Close())
}

// readData is what is at the start of a mapping.
func readData(t *testing.T, path string) []byte {
	t.Helper()
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 4096)
	if _, err := f.ReadAt(p, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

// TestOneCallFromDeviceToMapping: a volume of each kind is opened, written to and closed by the library, and
// cryptsetup reads what was written.
func TestOneCallFromDeviceToMapping(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "loop")
		machine.LoadModule(t, "dm-crypt")
		c := newCLI(t)
		image := filepath.Join(t.TempDir(), "disk.img")
		if err := errors.Join(os.WriteFile(image, nil, 0o600), os.Truncate(image, 600<<20)); err != nil {
			t.Fatal(err)
		}
		data, head := filepath.Join(t.TempDir(), "data.img"), filepath.Join(t.TempDir(), "head.img")
		if err := errors.Join(os.WriteFile(data, nil, 0o600), os.Truncate(data, 64<<20)); err != nil {
			t.Fatal(err)
		}
		for _, k := range []struct {
			name, device string
			format, open []string
			options      luks.OpenOptions
		}{
			{"luks2", machine.DiskPath(t, "a"), []string{"--no-far-header"}, nil, luks.OpenOptions{}},
			{"luks1", machine.DiskPath(t, "b"), []string{"--type", "luks1"}, nil, luks.OpenOptions{Keyslot: luks.At(0)}},
			{"image", image, nil, nil, luks.OpenOptions{Flags: target.AllowDiscards}},
			{"apart", data, []string{"--header", head}, []string{"--header", head}, luks.OpenOptions{Header: head}},
		} {
			t.Run(k.name, func(t *testing.T) {
				k.options.Name = "one-call"
				c.run("orthrus", append(append(append([]string{"luksFormat", "-q", "--key-file", c.key}, cheapKeyslot...), k.format...), k.device)...)
				m := mapOnce(t, k.device, []byte("one"), k.options)
				text := bytes.Repeat([]byte(k.name[:4]), 1024)
				if err := writeData(t, m, text); err != nil || m.Keyslot != 0 || m.ReadOnly {
					t.Fatalf("%+v, %v", m, err)
				}
				refusedWhileOpen(t, k.device, m, k.options)
				if err := m.Close(); err != nil {
					t.Fatal(err)
				}
				if err := m.Close(); !errors.Is(err, dm.ErrNotFound) {
					t.Errorf("closed again: %v", err)
				}
				c.run("cryptsetup", append(append([]string{"open", "--readonly", "--key-file", c.key}, k.open...), k.device, "peer")...)
				if !bytes.Equal(readData(t, "/dev/mapper/peer"), text) {
					t.Error("cryptsetup reads something else")
				}
				c.run("cryptsetup", "close", "peer")

				k.options.ReadOnly = true
				m = mapOnce(t, k.device, []byte("one"), k.options)
				if err := writeData(t, m, text); err == nil || !m.ReadOnly {
					t.Errorf("read-only: %+v, written with %v", m, err)
				}
				if got := readData(t, m.Path); !bytes.Equal(got, text) {
					t.Errorf("read-only: begins with %q", got[:16])
				}
				if err := m.Close(); err != nil {
					t.Error(err)
				}
			})
		}
		t.Run("far header and volume key", func(t *testing.T) { openedFromFar(t, c, image) })
	})
}

// TestAnOldSecondHeaderIsNotPutBackOverData: the data of a detached header begin where an old volume had its first
// header, and its second one still lies among them. Whoever looks at the device by itself and mends what it sees writes
// over the data: cryptsetup 2.6.1 does, when it closes the mapping or tells its status.
func TestAnOldSecondHeaderIsNotPutBackOverData(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		c := newCLI(t)
		disk, head := machine.DiskPath(t, "a"), filepath.Join(t.TempDir(), "head.img")
		format := append([]string{"luksFormat", "-q", "--key-file", c.key, "--no-far-header"}, cheapKeyslot...)
		c.run("orthrus", append(format, disk)...)
		c.run("orthrus", append(format, "--header", head, disk)...)
		o := luks.OpenOptions{Name: "apart", Header: head}
		m := mapOnce(t, disk, []byte("one"), o)
		text := bytes.Repeat([]byte("text"), 1024)
		if err := writeData(t, m, text); err != nil {
			t.Fatal(err)
		}
		c.run("orthrus", "status", "apart")
		c.run("orthrus", "close", "apart")
		c.exits(6, "orthrus", "check", disk)
		for range 2 {
			c.run("orthrus", "open", "--header", head, "--key-file", c.key, disk, "apart")
			if got := readData(t, "/dev/mapper/apart"); !bytes.Equal(got, text) {
				t.Errorf("begins with %q", got[:16])
			}
			c.run("orthrus", "status", "--header", head, "apart")
			c.run("orthrus", "close", "apart")
		}
	})
}

// refusedWhileOpen asks for what cannot be while the volume is mapped.
func refusedWhileOpen(t *testing.T, device string, m *luks.Mapping, o luks.OpenOptions) {
	t.Helper()
	if _, err := luks.Open(t.Context(), device, []byte("one"), o); !errors.Is(err, dm.ErrExists) {
		t.Errorf("a name that is taken: %v", err)
	}
	o.Name = "second"
	if _, err := luks.Open(t.Context(), device, []byte("wrong"), o); !errors.Is(err, block.ErrBusy) &&
		!errors.Is(err, luks.ErrPassphrase) { // an image gets a loop device of its own
		t.Errorf("a device in use: %v", err)
	}
	f, err := os.Open(m.Path)
	if err != nil {
		t.Fatal(err)
	}
	var busy *dm.BusyError
	if err := m.Close(); !errors.As(err, &busy) {
		t.Errorf("closed while it is in use: %v", err)
	}
	if err := f.Close(); err != nil {
		t.Error(err)
	}
}

// openedFromFar loses both heads of an image, and opens it by its far header: with the passphrase and with the
// volume key that the passphrase gives.
func openedFromFar(t *testing.T, c cli, image string) {
	dev, err := luks.OpenDevice(image, luks.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Load(t.Context(), dev)
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Unlock(t.Context(), []byte("one"), luks.UnlockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	before := len(c.run("losetup", "-a"))
	c.run("dd", "if=/dev/zero", "of="+image, "bs=1M", "count=1", "conv=notrunc", "status=none")
	lost := luks.OpenOptions{Name: "lost"}
	if _, err := luks.Open(t.Context(), image, []byte("one"), lost); !errors.Is(err, luks.ErrNotLUKS) {
		t.Errorf("without heads: %v", err)
	}
	lost.FromFar = true
	wrong := luks.OpenOptions{Name: "lost", FromFar: true}
	if _, err := luks.Open(t.Context(), image, []byte("wrong"), wrong); !errors.Is(err, luks.ErrPassphrase) {
		t.Errorf("a wrong passphrase: %v", err)
	}
	for _, given := range []bool{false, true} {
		lost.VolumeKey = given
		word, want := []byte("one"), 0
		if given {
			word, want = key.Bytes(), luks.AnyKeyslot
		}
		m := mapOnce(t, image, word, lost)
		if got := readData(t, m.Path); string(got[:4]) != "imag" || m.Keyslot != want {
			t.Errorf("%q, keyslot %d", got[:4], m.Keyslot)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
	if now := len(c.run("losetup", "-a")); now != before {
		t.Errorf("loop devices stay: %s", c.run("losetup", "-a"))
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := luks.Open(cancelled, image, []byte("one"), lost); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
}
