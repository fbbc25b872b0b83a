// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// kernelTables are tables in the form in which Linux 6.1 reports them.
func kernelTables(device, second string) map[string]string {
	key := strings.Repeat("0f1e2d3c", 16)
	return map[string]string{
		"crypt with a raw key":   "0 2048 crypt aes-xts-plain64 " + key + " 0 " + device + " 0",
		"crypt with all flags":   "0 2048 crypt aes-xts-plain64 " + key + " 8 " + device + " 4096 7 allow_discards same_cpu_crypt submit_from_crypt_cpus no_read_workqueue no_write_workqueue iv_large_sectors sector_size:4096",
		"crypt with essiv":       "0 2048 crypt aes-cbc-essiv:sha256 " + key[:64] + " 0 " + device + " 0 1 allow_discards",
		"crypt without a key":    "0 2048 crypt cipher_null-ecb - 0 " + device + " 0",
		"crypt in kernel form":   "0 2048 crypt capi:xts(aes)-plain64 " + key + " 0 " + device + " 0",
		"linear on two devices":  "0 1024 linear " + device + " 8\n1024 1024 linear " + second + " 0",
		"error":                  "0 2048 error",
		"zero":                   "0 2048 zero",
		"linear, zero and error": "0 8 linear " + device + " 0\n8 8 zero\n16 8 error",
		"verity":                 "0 2048 verity 1 " + device + " " + second + " 4096 4096 256 1 sha256 " + strings.Repeat("ab", 32) + " " + strings.Repeat("cd", 32) + " 1 ignore_zero_blocks",
		"verity without salt":    "0 2048 verity 1 " + device + " " + second + " 4096 4096 256 1 sha256 " + strings.Repeat("ab", 32) + " -",
		"another type":           "0 2048 delay " + device + " 0 5",
		"integrity":              "0 8 integrity " + device + " 0 32 J 7 block_size:4096 journal_sectors:264 interleave_sectors:32768 buffer_sectors:128 journal_watermark:50 commit_time:10000 fix_padding",
		"integrity with a key":   "0 8 integrity " + device + " 0 32 J 7 journal_sectors:88 interleave_sectors:32768 buffer_sectors:128 journal_watermark:50 commit_time:10000 fix_padding internal_hash:hmac(sha256):" + key[:64],
	}
}

func parseTable(t *testing.T, text string) dm.Table {
	t.Helper()
	var table dm.Table
	for line := range strings.Lines(text) {
		parsed, err := target.Parse([]byte(line))
		if err != nil {
			t.Fatal(err)
		}
		table = append(table, parsed)
	}
	t.Cleanup(func() { _ = table.Close() })
	return table
}

// canonical puts options into our order, for a comparison of everything but the order of options, which is the kernel's own.
func canonical(t *testing.T, text string) string {
	t.Helper()
	return tableText(t, parseTable(t, text))
}

func TestTablesComeBackFromTheKernelAsLoaded(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		for name := range kernelTables("", "") {
			t.Run(name, func(t *testing.T) {
				first, path := backing(t, 16*mib)
				second, _ := backing(t, 4*mib)
				writeAt(t, path, make([]byte, 4096))
				text := kernelTables(first, second)[name]
				device := freshName()
				// verity insists on a read-only table.
				readOnly := strings.Contains(text, " verity ")
				activate(t, c, dm.Plan{Name: device, Table: parseTable(t, text), ReadOnly: readOnly})
				got, info, err := c.Table(device, dm.Active)
				if err != nil {
					t.Fatal(err)
				}
				defer got.Close()
				if tableText(t, got) != canonical(t, text) || info.Targets != len(got) {
					t.Errorf("%d lines:\n%s\nwant\n%s", info.Targets, tableText(t, got), text)
				}
				if real := canonical(t, dmsetup(t, "table", "--showkeys", device)); real != tableText(t, got) {
					t.Errorf("dmsetup reads\n%s\nwe read\n%s", real, tableText(t, got))
				}
			})
		}
	})
}

func TestCryptDeviceEncrypts(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		number, path := backing(t, mib)
		device := freshName()
		_, node := activate(t, c, dm.Plan{
			Name: device, UUID: "CRYPT-TEST-" + device, Table: dm.Table{aesCrypt(t, number, mib, 7)}, ReadAhead: 8192,
		})
		plain := bytes.Repeat([]byte("plaintext"), 1000)
		writeAt(t, node, plain)
		if !bytes.Equal(readAt(t, node, len(plain)), plain) {
			t.Error("the data read back differs")
		}
		if bytes.Contains(readAt(t, path, 16384), []byte("plaintext")) {
			t.Error("plaintext on the underlying device")
		}
		deps, err := c.Deps(device)
		if err != nil || fmt.Sprint(deps) != "["+number+"]" {
			t.Errorf("deps %v, %v; want %s", deps, err, number)
		}
		info, err := c.StatusUUID("CRYPT-TEST-" + device)
		if err != nil || info.Name != device || info.Suspended || !info.ActiveTable || info.ReadOnly {
			t.Errorf("status %+v, %v", info, err)
		}
		ahead, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/bdi/read_ahead_kb", info.Major, info.Minor))
		if err != nil || strings.TrimSpace(string(ahead)) != "4096" {
			t.Errorf("read-ahead %s kB, %v; want 4096", ahead, err)
		}
	})
}

func TestKeyringKeyIsNamedInTheTableAndNotShown(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		c := mapper(t)
		number, _ := backing(t, mib)
		key := bytes.Repeat([]byte{1, 2, 3, 4}, 16)
		id, err := keyring.Add(keyring.TypeLogon, "cryptsetup:test-d0", key, keyring.Thread)
		if err != nil {
			t.Fatal(err)
		}
		line := aesCrypt(t, number, mib, 0)
		line.Key = target.Key{Ring: &target.RingKey{Size: 64, Type: "logon", Description: "cryptsetup:test-d0"}}
		device := freshName()
		_, node := activate(t, c, dm.Plan{Name: device, Table: dm.Table{line}})
		if err := keyring.Unlink(id, keyring.Thread); err != nil {
			t.Error(err)
		}
		got, _, err := c.Table(device, dm.Active)
		if err != nil {
			t.Fatal(err)
		}
		if want := "0 2048 crypt aes-xts-plain64 :64:logon:cryptsetup:test-d0 0 " + number + " 0"; tableText(t, got) != want {
			t.Errorf("table %s, want %s", tableText(t, got), want)
		}
		// The same bytes by a raw key show the same data, so the key was the right one.
		writeAt(t, node, []byte("through the keyring"))
		if _, err := c.Remove(t.Context(), device, dm.RemoveOptions{}); err != nil {
			t.Fatal(err)
		}
		if line.Key.Raw, err = secret.From(key); err != nil {
			t.Fatal(err)
		}
		line.Key.Ring = nil
		_, node = activate(t, c, dm.Plan{Name: device, Table: dm.Table{line}})
		if got := readAt(t, node, 19); string(got) != "through the keyring" {
			t.Errorf("the raw key reads %q", got)
		}
	})
}

// Every way a load fails leaves the list of devices as it was, and tells what is wrong.
func TestFailedActivationLeavesNoDeviceBehind(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		number, _ := backing(t, mib)
		held, heldPath := backing(t, mib)
		holder, err := block.Open(heldPath, block.ReadWrite|block.Exclusive)
		if err != nil {
			t.Fatal(err)
		}
		defer holder.Close()
		good := aesCrypt(t, number, mib, 1)
		crypt := func(change func(*target.Crypt)) dm.Table {
			line := *good
			change(&line)
			return dm.Table{&line}
		}
		missing := &target.RingKey{Size: 64, Type: "logon", Description: "orthrus:none"}
		for _, test := range []struct {
			name  string
			table dm.Table
			kind  error
			text  string
		}{
			{"unknown target", dm.Table{&target.Raw{Length: 8, Kind: "no-such"}}, dm.ErrUnknownTarget, "dm_no_such"},
			{"unknown cipher", crypt(func(c *target.Crypt) { c.Cipher = "rot13-xts-plain64" }), dm.ErrUnknownCipher, "rot13"},
			{"key of a wrong size", crypt(func(c *target.Crypt) { c.Key = hexKey(t, "0011") }), dm.ErrTable, ""},
			{"missing key", crypt(func(c *target.Crypt) { c.Key = target.Key{Ring: missing} }), dm.ErrNoKey, ""},
			{"missing device", crypt(func(c *target.Crypt) { c.Device = "240:7" }), dm.ErrNoBacking, "240:7"},
			{"device held by another", crypt(func(c *target.Crypt) { c.Device = held }), dm.ErrBusy, held},
			{"beyond the device", crypt(func(c *target.Crypt) { c.Length *= 2 }), dm.ErrTable, ""},
			{"unknown option", crypt(func(c *target.Crypt) { c.Unknown = []string{"shiny"} }), dm.ErrTable, ""},
			{"gap between lines", dm.Table{&target.Zero{Length: 8}, &target.Zero{Start: 16, Length: 8}}, dm.ErrTable, ""},
			{"no lines", dm.Table{}, dm.ErrTable, ""},
		} {
			t.Run(test.name, func(t *testing.T) {
				before := deviceNames(t, c)
				name := freshName()
				_, err := c.Activate(t.Context(), dm.Plan{Name: name, Table: test.table})
				if !errors.Is(err, test.kind) || !strings.Contains(fmt.Sprint(err), test.text) || !strings.Contains(fmt.Sprint(err), name) {
					t.Errorf("%v; want %v with %q and %q", err, test.kind, test.text, name)
				}
				if after := deviceNames(t, c); after != before {
					t.Errorf("devices were %s, are %s", before, after)
				}
				if _, err := os.Lstat("/dev/mapper/" + name); !os.IsNotExist(err) {
					t.Errorf("node left behind: %v", err)
				}
			})
		}
	})
}

func hexKey(t *testing.T, text string) target.Key {
	t.Helper()
	p, err := hex.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := secret.From(p)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	return target.Key{Raw: raw}
}

// Without modprobe, as in a small initramfs, the missing module is named.
func TestMissingModuleIsNamed(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		const setting = "/proc/sys/kernel/modprobe"
		before, err := os.ReadFile(setting)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(setting, []byte("/nonexistent\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		defer os.WriteFile(setting, before, 0o644)
		c := mapper(t)
		number, _ := backing(t, mib)
		era := &target.Raw{Length: 2048, Kind: "era"}
		if era.Text, err = secret.Copy([]byte(number + " " + number + " 128")); err != nil {
			t.Fatal(err)
		}
		defer era.Close()
		_, err = c.Activate(t.Context(), dm.Plan{Name: freshName(), Table: dm.Table{era}})
		if !errors.Is(err, dm.ErrUnknownTarget) || !strings.Contains(err.Error(), `"era", module dm_era missing`) {
			t.Fatalf("%v", err)
		}
	})
}

func TestLongRepliesArriveWhole(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		number, _ := backing(t, 4*mib)
		var table dm.Table
		for i := range uint64(1500) {
			table = append(table, &target.Linear{Start: 8 * i, Length: 8, Device: number, Offset: 1499 - i})
		}
		device := freshName()
		activate(t, c, dm.Plan{Name: device, Table: table})
		got, _, err := c.Table(device, dm.Active)
		if err != nil {
			t.Fatal(err)
		}
		if tableText(t, got) != tableText(t, table) {
			t.Errorf("%d lines came back, of %d", len(got), len(table))
		}
		if status, _, err := c.TableStatus(device, true); err != nil || len(status) != len(table) {
			t.Errorf("status of %d lines, %v", len(status), err)
		}
		for i := range 90 {
			name := fmt.Sprintf("%s%s%02d", strings.Repeat("long", 30), "x", i)
			if _, err := c.Create(name, ""); err != nil {
				t.Fatal(err)
			}
			defer c.Remove(t.Context(), name, dm.RemoveOptions{})
		}
		if n := strings.Count(deviceNames(t, c), "longlong"); n < 90 {
			t.Errorf("%d of 90 devices listed", n)
		}
	})
}

func TestReloadGrowsTheDevice(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		number, _ := backing(t, 2*mib)
		device := freshName()
		_, node := activate(t, c, dm.Plan{Name: device, Table: dm.Table{&target.Linear{Length: 2048, Device: number}}})
		longer := dm.Table{&target.Linear{Length: 4096, Device: number}}
		info, err := c.Load(device, longer, dm.LoadOptions{})
		if err != nil || !info.InactiveTable {
			t.Fatalf("%+v, %v", info, err)
		}
		inactive, _, err := c.Table(device, dm.Inactive)
		if err != nil || inactive.Sectors() != 4096 {
			t.Errorf("inactive table of %d sectors, %v", inactive.Sectors(), err)
		}
		if info, err = c.Clear(device); err != nil || info.InactiveTable {
			t.Fatalf("after clear %+v, %v", info, err)
		}
		if _, err := c.Load(device, longer, dm.LoadOptions{}); err != nil {
			t.Fatal(err)
		}
		if _, err := c.Resume(t.Context(), device, dm.ResumeOptions{}); err != nil {
			t.Fatal(err)
		}
		grown, err := block.Open(node, 0)
		if err != nil {
			t.Fatal(err)
		}
		defer grown.Close()
		if grown.Size() != 2*mib {
			t.Errorf("size %d", grown.Size())
		}
	})
}

func TestReadOnlyTableRefusesWrites(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		number, _ := backing(t, mib)
		info, node := activate(t, c, dm.Plan{
			Name: freshName(), ReadOnly: true, Table: dm.Table{&target.Linear{Length: 2048, Device: number}},
		})
		if !info.ReadOnly {
			t.Error("not read-only")
		}
		// Opening is allowed or not depending on the kernel; writing never is.
		fd, err := unix.Open(node, unix.O_RDWR|unix.O_SYNC, 0)
		if err == nil {
			_, err = unix.Write(fd, make([]byte, 512))
			unix.Close(fd)
		}
		if err == nil {
			t.Error("a write went through")
		}
	})
}

func TestTargetVersionsLoadTheirModules(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := mapper(t)
		if !c.Version().AtLeast(4, 40, 0) {
			t.Errorf("interface %v", c.Version())
		}
		version, err := c.TargetVersion("crypt")
		if err != nil || !version.AtLeast(1, 20, 0) {
			t.Fatalf("crypt %v, %v", version, err)
		}
		targets, err := c.Targets()
		if err != nil {
			t.Fatal(err)
		}
		found := map[string]dm.Version{}
		for _, target := range targets {
			found[target.Name] = target.Version
		}
		if found["crypt"] != version || found["linear"] == (dm.Version{}) || found["error"] == (dm.Version{}) {
			t.Errorf("targets %v", targets)
		}
		if _, err := c.TargetVersion("no-such"); !errors.Is(err, dm.ErrUnknownTarget) {
			t.Errorf("no-such: %v", err)
		}
	})
}
