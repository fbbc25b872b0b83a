// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// installed is a service file as make install writes it.
func installed(t *testing.T, name string) string {
	t.Helper()
	root := t.TempDir()
	c := exec.Command("../../scripts/install", "guard")
	c.Env = append(os.Environ(), "DESTDIR="+root, "PREFIX=/usr", "SBINDIR="+filepath.Dir(program), "INIT=sysv")
	if out, err := c.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return filepath.Join(root, "usr/share/orthrus", name)
}

func TestUnitIsHardened(t *testing.T) {
	out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--no-pager", installed(t, "orthrus-guard.service")).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze (install systemd): %v: %s", err, out)
	}
	found := regexp.MustCompile(`Overall exposure level for .*: ([0-9.]+)`).FindSubmatch(out)
	if found == nil {
		t.Fatalf("no level in:\n%s", out)
	}
	level, err := strconv.ParseFloat(string(found[1]), 64)
	t.Logf("exposure level %v", level)
	if err != nil || level >= 4 {
		t.Errorf("exposure level %s", found[1])
	}
}

func TestUnitIsUnderstoodBySystemd(t *testing.T) {
	unit := installed(t, "orthrus-guard.service")
	out, err := exec.Command("systemd-analyze", "verify", "--man=no", "--recursive-errors=no", unit).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, "orthrus-guard.service") {
			t.Errorf("%v: %s", err, line)
		}
	}
}

// The script for a plain init starts, reloads and stops the guard, and refuses a wrong configuration.
func TestPlainInitScript(t *testing.T) {
	script := installed(t, "orthrus-guard.init")
	g := newGuarded(t, "")
	image, _ := newVolume(t, 1)
	put(t, g.image("a"), image)
	conf, pid, log := filepath.Join(g.dir, "conf"), filepath.Join(g.dir, "pid"), filepath.Join(g.dir, "log")
	do := func(word string) (string, error) {
		c := exec.Command("sh", script, word)
		c.Env = append(g.command().Env, "ORTHRUS_GUARD_PID="+pid, "ORTHRUS_GUARD_LOG="+log, "ORTHRUS_GUARD_CONFIG="+conf)
		out, err := c.CombinedOutput()
		return string(out), err
	}
	must := func(word, says string) {
		t.Helper()
		if out, err := do(word); err != nil || !strings.Contains(out, says) {
			t.Fatalf("%s: %v: %s", word, err, out)
		}
	}
	if out, err := do("status"); err == nil || !strings.Contains(out, "does not run") {
		t.Errorf("status before: %v: %s", err, out)
	}
	must("start", "in order")
	t.Cleanup(func() { _, _ = do("stop") })
	logged := func(text string) func() bool {
		return func() bool {
			p, _ := os.ReadFile(log)
			return strings.Contains(string(p), text)
		}
	}
	await(t, 20*time.Second, "the guard runs", logged("every device was looked at"))
	must("start", "runs already")
	must("status", "orthrus-guard runs")
	if err := os.WriteFile(conf, []byte("log = json\nrepair = proven\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	must("reload", "")
	await(t, 10*time.Second, "the configuration was read again", logged(`configuration read again","repair":"proven"`))
	if err := os.WriteFile(conf, []byte("repair = always\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := do("reload"); err == nil || !strings.Contains(out, "line 1: repair is off, rehearse or proven") {
		t.Errorf("reload of a wrong file: %v: %s", err, out)
	}
	must("status", "orthrus-guard runs")
	must("stop", "")
	if out, err := do("status"); err == nil {
		t.Errorf("status after: %s", out)
	}
	if out, err := do("start"); err == nil {
		t.Errorf("start with a wrong file: %s", out)
	}
	if _, err := do("nonsense"); err == nil {
		t.Error("an unknown word is accepted")
	}
}
