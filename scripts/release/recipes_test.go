// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// said is what a program prints that parses a recipe.
func said(t *testing.T, cmd *exec.Cmd) string {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v (scripts/setup installs what is missing)\n%s", cmd.Args, err, out)
	}
	return string(out)
}

func wants(t *testing.T, text string, lines ...string) {
	t.Helper()
	for _, line := range lines {
		if !strings.Contains("\n"+text, "\n"+line+"\n") {
			t.Errorf("no line %q in\n%s", line, text)
		}
	}
}

func TestRpmspecParsesTheSpec(t *testing.T) {
	text := said(t, exec.Command("rpmspec", "-q", "--qf", `%{name}: %{license}\n`, "../packaging/fedora/orthrus.spec"))
	const licence = ": Apache-2.0 AND BSD-3-Clause"
	wants(t, text, "orthrus"+licence, "orthrus-dracut"+licence, "orthrus-cryptsetup"+licence)
}

// makepkg wants not to be root, and a folder that it may write to.
func TestMakepkgParsesThePKGBUILD(t *testing.T) {
	dir, err := os.MkdirTemp("", "pkgbuild")
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	recipe, err := os.ReadFile("../packaging/arch/PKGBUILD")
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, "PKGBUILD"), recipe, 0o644))
	cmd := exec.Command("makepkg", "--printsrcinfo")
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "PACMAN=true", "HOME="+dir)
	if os.Getuid() == 0 {
		const nobody = 65534
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
		must(t, os.Chown(dir, nobody, nobody))
	}
	wants(t, said(t, cmd), "pkgname = orthrus", "pkgname = orthrus-mkinitcpio", "\tdepends = mkinitcpio")
}

// abuild and xbps-src, which Debian has not, read shells' scripts: they are run as far as their variables.
func TestShellsParseTheOthers(t *testing.T) {
	text := said(t, exec.Command("dash", "-euc", `. ../packaging/alpine/APKBUILD; printf '%s\n' "$pkgname" $subpackages; type build package mkinitfs cryptsetup >/dev/null`))
	wants(t, text, "orthrus", "orthrus-mkinitfs:mkinitfs:noarch", "orthrus-cryptsetup:cryptsetup:noarch")
	text = said(t, exec.Command("bash", "-euc",
		`XBPS_TARGET_MACHINE=aarch64-musl; . ../packaging/void/template; printf '%s\n' "$pkgname" "$GOARCH"; type do_build do_install orthrus-dracut_package >/dev/null`))
	wants(t, text, "orthrus", "arm64")
}

// Buildroot's macros are left out; what they would run is printed.
func TestMakeParsesBuildrootsPackage(t *testing.T) {
	cmd := exec.Command("make", "-s", "-n", "-f", "-", "all", "GO_BIN=go", "TARGET_DIR=/target", "BR2_INIT_OPENRC=y")
	cmd.Stdin = strings.NewReader("include ../packaging/buildroot/orthrus.mk\n.PHONY: all\nall:\n\t$(ORTHRUS_BUILD_CMDS)\n\t$(ORTHRUS_INSTALL_TARGET_CMDS)\n")
	text := said(t, cmd)
	for _, part := range []string{"-C . all GO=go VERSION=", "-C . install ", "DESTDIR=/target PREFIX=/usr INIT=openrc MANIFEST=no"} {
		if !strings.Contains(text, part) {
			t.Errorf("no %q in\n%s", part, text)
		}
	}
}
