// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

// machine says where the figures were made, and with what.
func (b *bench) machine() string {
	huge := bracketed("/sys/kernel/mm/transparent_hugepage/enabled")
	return fmt.Sprintf("Made on %s, %d processors, %d GiB, %s, transparent huge pages: %s; %s, %s, %s.",
		processor(), runtime.NumCPU(), memory()>>30, kernel(), huge,
		version(b.peer, "--version"), version("openssl", "version"), runtime.Version())
}

// version is the first words of what a program says of itself.
func version(program, option string) string {
	text, err := exec.Command(program, option).Output()
	words := strings.Fields(string(text))
	if err != nil || len(words) < 2 {
		return "no " + program
	}
	return words[0] + " " + words[1]
}

func kernel() string {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return "an unknown kernel"
	}
	return "Linux " + unix.ByteSliceToString(name.Release[:])
}

// memory is the machine's, in bytes.
func memory() uint64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 0
	}
	return uint64(info.Totalram)*uint64(info.Unit) + 512<<20 // rounds to what was built in
}

// bracketed is the word in brackets, as sysfs marks a choice.
func bracketed(path string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return "none"
	}
	_, word, _ := strings.Cut(string(text), "[")
	word, _, _ = strings.Cut(word, "]")
	return word
}

// processor names the machine's kind of processor, with the extensions that matter here.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "an unknown processor"
	}
	name, extensions := "an unnamed processor", []string{}
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		key, value, _ := strings.Cut(lines.Text(), ":")
		switch strings.TrimSpace(key) {
		case "model name":
			name = strings.TrimSpace(value)
		case "flags", "Features":
			for _, flag := range []string{"avx2", "avx512f", "aes", "vaes", "sha_ni", "asimd"} {
				if slices.Contains(strings.Fields(value), flag) {
					extensions = append(extensions, flag)
				}
			}
			return name + " (" + strings.Join(extensions, " ") + ")"
		}
	}
	return name
}
