// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestEveryMappingActionInBothDirections: what one opened, the other reports on, resizes, refreshes,
// suspends, resumes and closes. With test/interop's table of the actions that need no kernel this is
// all of them.
func TestEveryMappingActionInBothDirections(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		b := newBench(t)
		disk := machine.DiskPath(t, "a")
		var table strings.Builder
		for _, kind := range []string{"luks1", "luks2", "plain"} {
			for _, release := range []string{"bookworm", "trixie"} {
				them := real(t, release)
				for _, p := range [][2]program{{ours(), them}, {them, ours()}} {
					did := b.bothOn(disk, kind, p[0], p[1])
					fmt.Fprintf(&table, "  %-6s opened by %-9s handled by %-9s %s\n", kind, p[0].name, p[1].name, strings.Join(did, " "))
				}
			}
		}
		t.Log("Actions on mappings, each by the program that did not open it:\n" + table.String())
	})
}

// bothOn opens with one program and does all else with the other; the actions are returned.
func (b *bench) bothOn(disk, kind string, opener, other program) (did []string) {
	b.t.Helper()
	do := func(p program, args string) string {
		b.t.Helper()
		did = append(did, words(args)[0])
		return b.must(p, words(args)...)
	}
	open := "open --key-file k1 --allow-discards --type " + kind + " " + disk
	if kind == "plain" {
		b.write("raw", []byte(strings.Repeat("k", 32)))
		open = "open --type plain --cipher aes-xts-plain64 --key-size 256 --key-file raw " + disk
	} else {
		do(other, "luksFormat -q --type "+kind+" --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 "+disk)
	}
	node := b.open(opener, "both", words(strings.TrimPrefix(open, "open "))...)
	if one, two := loose(do(opener, "status both")), loose(do(other, "status both")); one != two {
		b.t.Errorf("%s says\n%s%s says\n%s", opener.name, one, other.name, two)
	}
	key := " --key-file k1"
	if kind == "plain" {
		key = ""
	}
	do(other, "resize --size 4096"+key+" both")
	if got := b.table("both"); !strings.HasPrefix(got, "0 4096 crypt ") {
		b.t.Errorf("%s resized to %s", other.name, got)
	}
	do(opener, "resize"+key+" both")
	if kind != "plain" {
		do(other, "refresh --key-file k1 --perf-same_cpu_crypt both")
		if got := b.table("both"); !strings.Contains(got, "same_cpu_crypt") {
			b.t.Errorf("%s refreshed to %s", other.name, got)
		}
		do(other, "luksSuspend both")
		do(opener, "luksResume --key-file k1 both")
		do(opener, "luksSuspend both")
		do(other, "luksResume --key-file k1 both")
	}
	user, err := os.Open(node)
	if err != nil {
		b.t.Fatal(err)
	}
	do(other, "close --deferred both")
	do(opener, "close --cancel-deferred both")
	user.Close()
	do(other, "close both")
	b.exits(opener, 4, "status", "both")
	return did
}

func (b *bench) table(name string) string {
	b.t.Helper()
	path, err := exec.LookPath("dmsetup")
	if err != nil {
		b.t.Fatal(err)
	}
	return b.must(program{"dmsetup", path}, "table", name)
}

// units are those that 2.8 added to the numbers of a status.
var units = regexp.MustCompile(` (\[512-byte units\] \(\d+ \[bytes\]\)|sectors|\[?bits\]?|\[bytes\])`)

// loose is a status as its parsers read it: the first number of each line counts.
func loose(status string) string {
	var lines []string
	for line := range strings.Lines(units.ReplaceAllString(status, "")) {
		lines = append(lines, strings.TrimRight(line, " \n"))
	}
	return strings.Join(lines, "\n") + "\n"
}
