// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// nobody is a user who may not look into directories of others.
const nobody = 65534

// TestKeysOfAnOwnImageChangeWithoutRoot: what root's guard keeps is closed to others and of no image of theirs,
// so that a keyslot which is gone is gone, and the exit code says so.
func TestKeysOfAnOwnImageChangeWithoutRoot(t *testing.T) {
	dir, err := os.MkdirTemp("", "own-image-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(dir+"/run", 0o700); _ = os.RemoveAll(dir) })
	const uuid = "11111111-2222-4333-8444-555555555555"
	for _, d := range []string{dir + "/home", dir + "/run/guard/" + uuid} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	program := filepath.Join(dir, "cryptsetup")
	copyProgram(t, program)
	for name, text := range map[string]string{"k1": "one", "k2": "two", "k3": "three", "a.img": ""} {
		if err := os.WriteFile(filepath.Join(dir, "home", name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Truncate(dir+"/home/a.img", 20<<20); err != nil {
		t.Fatal(err)
	}
	attributes := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 { // root may look everywhere
		attributes.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		for _, name := range []string{"", "k1", "k2", "k3", "a.img"} {
			if err := os.Chown(filepath.Join(dir, "home", name), nobody, nobody); err != nil {
				t.Fatal(err)
			}
		}
	}
	for path, mode := range map[string]os.FileMode{dir: 0o755, dir + "/run": 0} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	for _, args := range [][]string{
		append([]string{"luksFormat", "-q", "--uuid", uuid, "--key-file", "k1", "a.img"}, cheap...),
		append([]string{"luksAddKey", "-q", "--key-file", "k1", "a.img", "k2"}, cheap...),
		append([]string{"luksChangeKey", "-q", "--key-file", "k2", "a.img", "k3"}, cheap...),
		append([]string{"luksAddKey", "-q", "--key-file", "k1", "a.img", "k2"}, cheap...),
		{"luksKillSlot", "-q", "--key-file", "k1", "a.img", "1"},
		{"luksRemoveKey", "-q", "a.img", "k2"},
		{"open", "--test-passphrase", "--key-file", "k1", "a.img"},
	} {
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.SysProcAttr = dir+"/home", attributes
		cmd.Env = []string{"HOME=" + dir + "/home", "ORTHRUS_RUN_DIR=" + dir + "/run"}
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", args[0], err, out)
		}
	}
}

// TestRootIsNamedWhereItIsLacking: under our own name, and not for what is no matter of rights.
func TestRootIsNamedWhereItIsLacking(t *testing.T) {
	dir, err := os.MkdirTemp("", "no-root-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	for _, name := range []string{"orthrus", "cryptsetup"} {
		copyProgram(t, filepath.Join(dir, name))
	}
	if err := errors.Join(os.WriteFile(dir+"/a.img", nil, 0), os.Chmod(dir, 0o755)); err != nil {
		t.Fatal(err)
	}
	attributes := &syscall.SysProcAttr{}
	if os.Geteuid() == 0 {
		attributes.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
	}
	for line, want := range map[string]string{
		"orthrus luksDump a.img":    "Access to a.img is denied.\nTry it as root: sudo orthrus luksDump ...\n",
		"orthrus luksDump b.img":    "Device b.img does not exist.\n",
		"orthrus check a.img":       "Access to a.img is denied.\nTry it as root: sudo orthrus check ...\n",
		"orthrus fix a.img":         "Access to a.img is denied.\nTry it as root: sudo orthrus fix ...\n",
		"orthrus check b.img":       "Device b.img does not exist.\n",
		"orthrus fix b.img":         "Device b.img does not exist.\n",
		"cryptsetup luksDump a.img": "Device a.img does not exist or access denied.\n",
	} {
		words := strings.Fields(line)
		cmd := exec.Command(filepath.Join(dir, words[0]), words[1:]...)
		cmd.Dir, cmd.SysProcAttr = dir, attributes
		if out, _ := cmd.CombinedOutput(); string(out) != want || cmd.ProcessState.ExitCode() != 4 {
			t.Errorf("%s: exit %d, %q", line, cmd.ProcessState.ExitCode(), out)
		}
	}
}

// TestUndoCopiesGoToAFolderThatIsNamed: one below the home or nothing, never the current directory, and what is not
// allowed there is not said of the device.
func TestUndoCopiesGoToAFolderThatIsNamed(t *testing.T) {
	dir, err := os.MkdirTemp("", "undo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	program := filepath.Join(dir, "orthrus")
	copyProgram(t, program)
	for _, d := range []string{"here", "home", "closed"} {
		if err := os.Mkdir(filepath.Join(dir, d), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	attributes := &syscall.SysProcAttr{}
	missing := "/.local/state/orthrus/undo cannot be made: permission denied. Choose another file with --undo"
	cases := map[string]string{
		dir + "/closed": "Cannot keep an undo copy, so nothing was changed: the folder " + dir + "/closed" + missing,
		dir + "/home":   "What is overwritten is kept in " + dir + "/home/.local/state/orthrus/undo/",
	}
	if os.Geteuid() == 0 { // this is a user without a home, who must not make one
		attributes.Credential = &syscall.Credential{Uid: nobody, Gid: nobody}
		for _, home := range []string{"", "relative"} {
			cases[home] = "so nothing was changed: the folder /nonexistent" + missing
		}
		if err := errors.Join(os.Chown(dir+"/here", nobody, nobody), os.Chown(dir+"/home", nobody, nobody)); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(os.Chmod(dir, 0o755), os.Chmod(dir+"/closed", 0o555)); err != nil {
		t.Fatal(err)
	}
	run := func(home, input string, args ...string) string {
		cmd := exec.Command(program, args...)
		cmd.Dir, cmd.SysProcAttr, cmd.Stdin = dir+"/here", attributes, strings.NewReader(input)
		cmd.Env = []string{"HOME=" + home, "ORTHRUS_RUN_DIR=" + dir + "/here/run"}
		out, _ := cmd.CombinedOutput()
		return string(out)
	}
	image := filepath.Join(dir, "here", "a.img")
	for home, want := range cases {
		if err := errors.Join(os.WriteFile(image, nil, 0o666), os.Chmod(image, 0o666), os.Truncate(image, 1<<30)); err != nil {
			t.Fatal(err)
		}
		run(dir+"/home", "x", append([]string{"luksFormat", "-q", "--key-file", "-", "a.img"}, cheap...)...)
		f, err := os.OpenFile(image, os.O_WRONLY, 0)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.WriteAt(make([]byte, 1<<20), 0); errors.Join(err, f.Close()) != nil {
			t.Fatal(err)
		}
		got := run(home, "", "repair", "--from-far", "-q", "a.img")
		if !strings.Contains(got, want) || strings.Contains(got, "sudo") {
			t.Errorf("HOME=%s: %q, want %q", home, got, want)
		}
	}
	if left, err := filepath.Glob(dir + "/here/*"); err != nil || len(left) != 1 {
		t.Errorf("in the current directory lies %v, %v", left, err)
	}
}

// copyProgram copies this test binary, which stands in for the program, to where others can run it.
func copyProgram(t *testing.T, to string) {
	t.Helper()
	from, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer from.Close()
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(f, from); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
}
