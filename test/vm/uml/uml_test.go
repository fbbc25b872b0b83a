// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
)

// moduleTree is where Debian puts the modules of User-Mode Linux.
const moduleTree = "/usr/lib/uml/modules"

// prologue makes of a started kernel a machine with device-mapper; the rest of a script follows.
const prologue = `#!/bin/sh
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
mount -t proc proc /proc && mount -t sysfs sys /sys && mount -t tmpfs run /run || echo FAIL mount
cd "$(dirname "$0")"
for m in crypto/ecb crypto/cbc crypto/xts drivers/md/dm-mod security/keys/encrypted-keys/encrypted-keys drivers/md/dm-crypt drivers/md/dm-dust drivers/md/dm-flakey drivers/md/dm-log-writes; do
	f=` + moduleTree + `/$(uname -r)/kernel/$m.ko
	[ ! -e "$f" ] || insmod "$f" 2>/dev/null || grep -q "^$(basename "$m" | tr - _) " /proc/modules || echo "FAIL insmod $m"
done
# want CODE COMMAND: says FAIL where a command ends otherwise.
want() {
	code=$1; shift
	out=$("$@" 2>&1); got=$?
	[ $got = "$code" ] || echo "FAIL at $at: $* exits $got, not $code: $out"
}
`

const epilogue = `
echo DONE
exec halt -f -p
`

// runScript starts a kernel with the script for its init and two files of dir for its disks: disk is
// /dev/ubda, log, if it is there, /dev/ubdb. It returns what the script printed; on a quiet machine it takes quiet at most.
// more is for the kernel's command line.
func runScript(t *testing.T, dir, script string, quiet time.Duration, more ...string) string {
	t.Helper()
	kernel, err := exec.LookPath("linux.uml")
	if err != nil {
		t.Fatalf("%v: run ./scripts/setup", err)
	}
	init := filepath.Join(dir, "init")
	if err := os.WriteFile(init, []byte(prologue+script+epilogue), 0o755); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), pace.Limit(quiet))
	defer cancel()
	args := []string{
		"mem=256M", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro",
		"ubd0=" + filepath.Join(dir, "disk"), "ubd1=" + filepath.Join(dir, "log"), "init=" + init, "con0=fd:0,fd:1", "con=null", "quiet",
	}
	args = append(args, more...)
	command := exec.CommandContext
	if wide(t) {
		command, args = hidden, append(args, without...)
	}
	cmd := command(ctx, kernel, args...)
	cmd.Env = append(cmd.Environ(), "TMPDIR="+dir, "HOME="+dir)
	cmd.WaitDelay = pace.Limit(5 * time.Second)
	var said strings.Builder
	cmd.Stdout = &said
	if os.Getenv("ORTHRUS_CONSOLE") != "" {
		cmd.Stdout = io.MultiWriter(&said, os.Stderr)
	}
	err = cmd.Run()
	out := said.String()
	if !strings.Contains(out, "DONE") {
		t.Fatalf("the script did not end: %v\n%s", err, out)
	}
	for line := range strings.Lines(out) {
		if strings.Contains(line, "FAIL") {
			t.Error(strings.TrimSpace(line))
		}
	}
	return out
}

// place makes a directory with our program, a disk of that size and files with the passphrases one, two and three.
func place(t *testing.T, size int64) string {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "orthrus"), "github.com/orthrus-luks/orthrus/cmd/orthrus")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, key := range []string{"one", "two", "three"} {
		if err := os.WriteFile(filepath.Join(dir, key), []byte(key), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "disk"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(filepath.Join(dir, "disk"), size); err != nil {
		t.Fatal(err)
	}
	return dir
}

// list writes numbers for a shell.
func list(numbers []int) string { return strings.Trim(fmt.Sprint(numbers), "[]") }
