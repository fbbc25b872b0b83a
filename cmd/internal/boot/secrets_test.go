// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bufio"
	"bytes"
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/creack/pty"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/ask"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

const childVolume = "ORTHRUS_BOOT_CHILD"

func TestMain(m *testing.M) {
	if path := os.Getenv(childVolume); path != "" {
		child(path)
		return
	}
	os.Exit(m.Run())
}

// child boots from its terminal, says so, and stays until its input ends.
func child(path string) {
	if err := WithoutPreemption(); err != nil {
		fmt.Println("failed:", err)
		return
	}
	console, err := ask.OpenConsole("/dev/tty", "")
	if err != nil {
		fmt.Println("failed:", err)
		return
	}
	result, err := Run(context.Background(), Config{
		Plan:     plan.Make(plan.Request{Crypttab: []byte("root " + path)}),
		TestOnly: true, Frontends: []ask.Frontend{console},
	})
	fmt.Println("booted:", err, len(result.Volumes))
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// The passphrase, parts of it and the volume key are looked for in all memory of the process, once
// it has unlocked the volume and is still there.
func TestNothingOfASecretStaysInMemory(t *testing.T) {
	for name, costs := range map[string]kdf.Params{
		"pbkdf2": cheap(), "argon2id": {Type: kdf.Argon2id, Time: 4, Memory: 1024, CPUs: 2},
	} {
		t.Run(name, func(t *testing.T) {
			raw := make([]byte, 48)
			if _, err := rand.Read(raw); err != nil {
				t.Fatal(err)
			}
			passphrase := "ä€" + base64.StdEncoding.EncodeToString(raw) // 64 characters of base64
			path, key := volumeAndKey(t, passphrase, costs)
			wrong := rand.Text()
			memory := memoryOfChild(t, path, wrong+"\r"+passphrase+"x\x7f\r")
			for what, secret := range map[string]string{
				"passphrase": passphrase, "its beginning": passphrase[:12], "its middle": passphrase[20:36], "its end": passphrase[len(passphrase)-12:],
				"volume key": string(key), "half of the volume key": string(key[:32]), "a wrong passphrase": wrong,
			} {
				if at := bytes.Index(memory, []byte(secret)); at >= 0 {
					t.Errorf("%s is in memory, near %q", what, memory[max(at-64, 0):min(at+128, len(memory))])
				}
			}
			if !bytes.Contains(memory, []byte(path)) {
				t.Error("the search would not find anything: not even the volume's path is in memory")
			}
		})
	}
}

func volumeAndKey(t *testing.T, passphrase string, costs kdf.Params) (string, []byte) {
	t.Helper()
	path, _ := image(t, passphrase, func(o *luks.FormatOptions) { o.Keyslot.KDF = costs })
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer dev.Close()
	v, err := luks.Load(t.Context(), dev)
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Unlock(t.Context(), []byte(passphrase), luks.UnlockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	return path, bytes.Clone(key.Bytes())
}

// memoryOfChild lets the child boot, types at its prompts line by line, and returns its memory.
func memoryOfChild(t *testing.T, path, keys string) []byte {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self)
	cmd.Env = append(os.Environ(), childVolume+"="+path)
	terminal, err := pty.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	defer terminal.Close()
	defer func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }()
	typed := strings.SplitAfter(keys, "\r")
	for out := bufio.NewReader(terminal); ; {
		text, err := out.ReadString(':')
		switch {
		case err != nil:
			t.Fatalf("the child is gone: %v, %q", err, text)
		case strings.HasSuffix(text, "failed:"):
			t.Fatal("the child failed")
		case strings.HasSuffix(text, "booted:"):
			began, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", cmd.Process.Pid))
			if err != nil || !bytes.Contains(began, []byte(unpreempted)) {
				t.Errorf("%v: the runtime sends signals", err)
			}
			return memoryOf(t, cmd.Process.Pid)
		case strings.Contains(text, "Passphrase for root"):
			if _, err := terminal.WriteString(typed[0]); err != nil {
				t.Fatal(err)
			}
			typed = typed[1:]
		}
	}
}

// memoryOf reads all that a process has mapped and may be read.
func memoryOf(t *testing.T, pid int) []byte {
	t.Helper()
	maps, err := os.ReadFile(fmt.Sprintf("/proc/%d/maps", pid))
	if err != nil {
		t.Fatal(err)
	}
	mem, err := os.Open(fmt.Sprintf("/proc/%d/mem", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer mem.Close()
	var all []byte
	for line := range strings.Lines(string(maps)) {
		var from, to int64
		var rights string
		if _, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &rights); err != nil || rights[0] != 'r' || strings.Contains(line, "[v") {
			continue
		}
		piece := make([]byte, to-from)
		n, err := mem.ReadAt(piece, from)
		if err != nil && !errors.Is(err, io.EOF) && n == 0 {
			continue // guard pages
		}
		all = append(all, piece[:n]...)
	}
	return all
}
