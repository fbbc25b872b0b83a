// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

const (
	secondUUID = "00000000-7000-4000-8000-00000000000b"
	goneUUID   = "00000000-7000-4000-8000-00000000000c"
	headerSize = 16 << 20 // bytes, of the encrypted root's header and keyslots
)

// run runs a program of the host.
func run(t *testing.T, stdin string, argv ...string) {
	t.Helper()
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Stdin = strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), "PATH="+os.Getenv("PATH")+":/usr/sbin:/sbin")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %v\n%s", argv, err, out)
	}
}

// rootDisk is the encrypted root.
func rootDisk(t *testing.T) machine.Disk {
	t.Helper()
	return machine.Disk{Name: "root", Base: requireSealedRoot(t)}
}

// copiedRoot is the encrypted root in a file that may be changed before.
func copiedRoot(t *testing.T, change func(f *os.File)) machine.Disk {
	t.Helper()
	file := filepath.Join(t.TempDir(), "root")
	run(t, "", "cp", "--sparse=always", requireSealedRoot(t), file)
	f, err := os.OpenFile(file, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	change(f)
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return machine.Disk{Name: "root", File: file}
}

func overwrite(t *testing.T, f *os.File, data []byte) {
	t.Helper()
	if _, err := f.WriteAt(data, 0); err != nil {
		t.Fatal(err)
	}
}

// withoutPrimary is the encrypted root after its first head was overwritten.
func withoutPrimary(t *testing.T) []machine.Disk {
	return []machine.Disk{copiedRoot(t, func(f *os.File) { overwrite(t, f, make([]byte, 16<<10)) })}
}

// headerApart is the encrypted root without its header, and a disk that has it.
func headerApart(t *testing.T) []machine.Disk {
	file := filepath.Join(t.TempDir(), "header")
	root := copiedRoot(t, func(f *os.File) {
		head := make([]byte, headerSize)
		_, err := f.ReadAt(head, 0)
		if err := errors.Join(err, os.WriteFile(file, head, 0o600)); err != nil {
			t.Fatal(err)
		}
		overwrite(t, f, make([]byte, headerSize))
	})
	return []machine.Disk{root, {Name: "header", File: file}}
}

// rootWithSlots is the encrypted root with keyslots of that much memory in MiB
// instead of its own, made by the host's cryptsetup; all take one passphrase.
func rootWithSlots(t *testing.T, memory ...int) machine.Disk {
	key := filepath.Join(t.TempDir(), "key")
	must(t, os.WriteFile(key, []byte(KeyText), 0o600))
	pass := filepath.Join(t.TempDir(), "pass")
	must(t, os.WriteFile(pass, []byte(Passphrase), 0o600))
	disk := copiedRoot(t, func(*os.File) {})
	run(t, "", "cryptsetup", "luksKillSlot", "-q", disk.File, "0", "--key-file", key)
	// The cheap slot opens the volume for the new ones, from the end so that it can be in the way of none.
	run(t, "", "cryptsetup", "luksAddKey", "-q", "--key-file", key, "--key-slot", "31", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", disk.File, key)
	run(t, "", "cryptsetup", "luksKillSlot", "-q", disk.File, "1", "--key-file", key)
	for slot, mebibytes := range memory {
		run(t, "", "cryptsetup", "luksAddKey", "-q", "--key-file", key, "--key-slot", fmt.Sprint(slot), "--pbkdf", "argon2id",
			"--pbkdf-memory", fmt.Sprint(mebibytes<<10), "--pbkdf-parallel", "1", "--pbkdf-force-iterations", "4", disk.File, pass)
	}
	run(t, "", "cryptsetup", "luksKillSlot", "-q", disk.File, "31", "--key-file", pass)
	return disk
}

// grown is the encrypted root with a far header, on a disk that has gained
// grownBy bytes since that was placed.
func grown(t *testing.T) []machine.Disk {
	pass := filepath.Join(t.TempDir(), "pass")
	must(t, os.WriteFile(pass, []byte(Passphrase), 0o600))
	disk := copiedRoot(t, func(f *os.File) { must(t, f.Truncate(rootSize+64<<20)) })
	run(t, "", program(t), "far", "enable", "--shrink-data", "--key-file", pass, disk.File)
	must(t, os.Truncate(disk.File, rootSize+64<<20+grownBy))
	return []machine.Disk{disk}
}

const grownBy = 256 << 20 // bytes

// program builds orthrus for the host, once.
func program(t *testing.T) string {
	t.Helper()
	file := filepath.Join(workDir, "orthrus")
	if _, err := os.Stat(file); err != nil {
		run(t, "", "go", "build", "-o", file, "github.com/orthrus-luks/orthrus/cmd/orthrus")
	}
	return file
}

// secondDisk is another volume with the root's Passphrase, made by the host's
// cryptsetup.
func secondDisk(t *testing.T) machine.Disk {
	file := filepath.Join(t.TempDir(), "second")
	run(t, "", "truncate", "-s", "32M", file)
	run(t, Passphrase, "cryptsetup", "luksFormat", "-q", "--uuid", secondUUID, "--pbkdf", "argon2id", "--pbkdf-memory", "16384",
		"--pbkdf-parallel", "1", "--pbkdf-force-iterations", "4", "--key-file", "-", file)
	return machine.Disk{Name: "second", File: file}
}

// keyDisk is a file system labelled KEYS with the key file.
func keyDisk(t *testing.T) machine.Disk {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "key"), []byte(KeyText), 0o600); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "keys")
	run(t, "", "mkfs.ext4", "-q", "-L", "KEYS", "-d", dir, file, "8M")
	return machine.Disk{Name: "keys", File: file}
}

func requireSealedRoot(t *testing.T) string {
	t.Helper()
	file, err := SealedRoot()
	must(t, err)
	return file
}
