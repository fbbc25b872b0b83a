// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Makers of images that Debian does not have: their hooks run here with the
// functions and variables that those makers give them, which note what they are
// asked for.

// fakeOrthrus answers what hooks ask of the program.
const fakeOrthrus = `#!/bin/sh
echo "orthrus $*" >>"$LOG"
case "$*" in
*"--list crypttab") echo "root UUID=1 none luks" ;;
*"--list veritytab") echo "usr UUID=2 UUID=3 00ff x-initrd.attach" ;;
*"--list modules") printf 'dm_mod\ndm_crypt\nxts\n' ;;
*"--list files") echo /etc/head ;;
boot) exit "${BOOT:-0}" ;;
esac
`

// hook puts a script of this project, installed for a program in dir, and a
// script around it into dir, runs that and returns what was noted.
func hook(t *testing.T, shell, script, around string, env ...string) string {
	t.Helper()
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join("../../../scripts", script))
	if err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		"orthrus": fakeOrthrus,
		"hook":    strings.ReplaceAll(string(text), "@SBINDIR@", dir),
		"around":  around,
		"reboot":  "#!/bin/sh\necho \"reboot $*\" >>\"$LOG\"\n", "sleep": "#!/bin/sh\n", "modprobe": "#!/bin/sh\necho \"modprobe $*\" >>\"$LOG\"\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	cmd := exec.Command(shell, filepath.Join(dir, "around"))
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "LOG=" + filepath.Join(dir, "log"), "BUILDROOT=" + filepath.Join(dir, "root")}, env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	log, err := os.ReadFile(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	return strings.ReplaceAll(string(log), dir, "DIR")
}

func wantLines(t *testing.T, log string, lines ...string) {
	t.Helper()
	noted := strings.Split(strings.ReplaceAll(log, " \n", "\n"), "\n")
	for _, line := range lines {
		if !slices.Contains(noted, line) {
			t.Errorf("no line %q in\n%s", line, log)
		}
	}
}

// makers are the folders of hooks, which scripts/install puts into their places.
func makers(t *testing.T) []string {
	t.Helper()
	lists, err := filepath.Glob("../../../scripts/*/places")
	if err != nil || len(lists) == 0 {
		t.Fatalf("%v: no places", err)
	}
	var all []string
	for _, list := range lists {
		all = append(all, filepath.Dir(list))
	}
	return all
}

// filesOf lists a folder without its places; placed, what those name.
func filesOf(t *testing.T, maker string) (files, placed []string) {
	t.Helper()
	entries, err := os.ReadDir(maker)
	must(t, err)
	for _, e := range entries {
		if e.Name() != "places" {
			files = append(files, e.Name())
		}
	}
	list, err := os.ReadFile(filepath.Join(maker, "places"))
	must(t, err)
	for line := range strings.Lines(string(list)) {
		placed = append(placed, strings.Fields(line)[0])
	}
	slices.Sort(placed)
	return files, placed
}

func TestEveryFileOfAMakerHasAPlace(t *testing.T) {
	for _, maker := range makers(t) {
		if files, placed := filesOf(t, maker); !slices.Equal(files, placed) {
			t.Errorf("%s has %v, and places for %v", maker, files, placed)
		}
	}
}

// installHooks installs the hooks that are named into an empty directory and returns the files there.
func installHooks(t *testing.T, named string) (files []string, err error) {
	t.Helper()
	dir := t.TempDir()
	cmd := exec.Command("../../../scripts/install", "hooks")
	cmd.Env = append(os.Environ(), "DESTDIR="+dir, "HOOKS="+named, "SBINDIR=/usr/sbin", "HOOKDIR=/opt", "MANIFEST=no")
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("%w: %s", err, out)
	}
	return files, filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files = append(files, strings.TrimPrefix(path, dir))
		text, err := os.ReadFile(path)
		if strings.Contains(string(text), "@SBINDIR@") {
			t.Errorf("%s: the program's place is not filled in", path)
		}
		return err
	})
}

func TestHooksAreInstalledOnRequestOnly(t *testing.T) {
	if files, err := installHooks(t, ""); err != nil || len(files) != 0 {
		t.Errorf("%v, %v", files, err)
	}
	if _, err := installHooks(t, "dracut nothing"); err == nil || !strings.Contains(err.Error(), "no hook nothing") {
		t.Errorf("%v", err)
	}
	for _, maker := range makers(t) {
		_, placed := filesOf(t, maker)
		files, err := installHooks(t, filepath.Base(maker))
		if err != nil || len(files) != len(placed) {
			t.Errorf("%s: %v, want %v; %v", maker, files, placed, err)
		}
	}
	files, err := installHooks(t, "mkinitcpio dracut")
	if err != nil || !slices.Contains(files, "/opt/lib/initcpio/hooks/orthrus") ||
		!slices.Contains(files, "/opt/lib/dracut/modules.d/90orthrus/module-setup.sh") {
		t.Errorf("%v, %v", files, err)
	}
}

// mkinitcpioFunctions are those of mkinitcpio's functions that an install hook
// calls (mkinitcpio(8), "Build functions").
const mkinitcpioFunctions = `#!/bin/bash
set -eu
for name in add_module add_binary add_symlink add_file add_udev_rule add_runscript; do
	eval "$name() { echo \"$name \$*\" >>\"\$LOG\"; }"
done
KERNELVERSION=6.9.1-arch1
. ./hook
build
cat "$BUILDROOT/etc/crypttab" "$BUILDROOT/etc/veritytab" >>"$LOG"
help | grep -q cryptdevice=
`

func TestMkinitcpioInstallHookBringsWhatTheRootNeeds(t *testing.T) {
	log := hook(t, "bash", "mkinitcpio/install", mkinitcpioFunctions)
	wantLines(t, log,
		"add_module dm_mod", "add_module dm_crypt", "add_module xts", "add_binary DIR/orthrus /usr/bin/orthrus",
		"add_symlink /usr/bin/cryptroot-unlock orthrus", "add_file /etc/head",
		"add_udev_rule 10-dm.rules", "add_runscript", "root UUID=1 none luks",
		"usr UUID=2 UUID=3 00ff x-initrd.attach", "orthrus mkinitramfs --kernel 6.9.1-arch1 --list modules")
	if strings.Contains(log, "--include-keys") {
		t.Errorf("key files were asked for:\n%s", log)
	}
	log = hook(t, "bash", "mkinitcpio/install", mkinitcpioFunctions, "ORTHRUS_KEYS=yes")
	wantLines(t, log, "orthrus mkinitramfs --kernel 6.9.1-arch1 --include-keys --list files")
}

func TestMkinitcpioRunHookUnlocksOrReboots(t *testing.T) {
	const run = "#!/bin/sh\nroot=/dev/mapper/root\n. ./hook\nrun_hook\n"
	wantLines(t, hook(t, "dash", "mkinitcpio/hook", run), "modprobe -a -q dm_crypt", "orthrus boot")
	if log := hook(t, "dash", "mkinitcpio/hook", run); strings.Contains(log, "reboot") {
		t.Errorf("rebooted after success:\n%s", log)
	}
	wantLines(t, hook(t, "dash", "mkinitcpio/hook", run, "BOOT=2"), "reboot -f")
}

// A root directory of Alpine's image stands in for the real one: the script is
// run in it, as the kernel would.
func TestMkinitfsInitUnlocksAndHandsOver(t *testing.T) {
	const run = `#!/bin/sh
set -eu
sed "s|^own_init=.*|own_init=$PWD/own|; s|^export PATH=.*|export PATH=$PATH|" hook >init
printf '#!/bin/sh\necho "own $*" >>"$LOG"\n' >own
chmod +x init own
dash ./init single quiet || true
`
	log := hook(t, "dash", "mkinitfs/init", run)
	wantLines(t, log, "modprobe -q dm_crypt", "orthrus boot", "own single quiet")
	log = hook(t, "dash", "mkinitfs/init", run, "BOOT=2")
	wantLines(t, log, "reboot -f")
}
