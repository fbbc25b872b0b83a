// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

var matrix = flag.String("matrix", "slice", "how much of the interoperability matrix: slice or full (also ORTHRUS_LONG=1)")

// combination is one cell of the matrix: what a volume is made of.
type combination struct {
	version, cipher string
	keyBits         int
	pbkdf, hash     string
	sectorSize      int
}

func (c combination) String() string {
	kdf := c.pbkdf
	if c.pbkdf == "pbkdf2" {
		kdf += "-" + c.hash
	}
	return fmt.Sprintf("%s_%s-%d_%s_%d", c.version, c.cipher, c.keyBits, kdf, c.sectorSize)
}

// impossible says why the format has no such volume; empty where it has.
func (c combination) impossible() string {
	switch {
	case c.version == "luks1" && c.pbkdf != "pbkdf2":
		return "LUKS1 has no argon2"
	case c.version == "luks1" && c.sectorSize != 512:
		return "LUKS1 has 512-byte sectors"
	}
	return ""
}

// format are the options of luksFormat.
func (c combination) format() []string {
	args := []string{
		"luksFormat", "-q", "--type", c.version, "--cipher", c.cipher, "--key-size", fmt.Sprint(c.keyBits),
		"--hash", c.hash, "--key-file", "k1",
	}
	if c.version == "luks2" {
		args = append(args, "--luks2-keyslots-size", "1m", "--sector-size", fmt.Sprint(c.sectorSize))
	}
	return append(args, c.costs()...)
}

func (c combination) costs() []string {
	if c.pbkdf == "pbkdf2" {
		return []string{"--pbkdf", c.pbkdf, "--pbkdf-force-iterations", "1000"}
	}
	return []string{"--pbkdf", c.pbkdf, "--pbkdf-force-iterations", "4", "--pbkdf-memory", "64", "--pbkdf-parallel", "1"}
}

func (c combination) addKey(old, fresh, path string) []string {
	return append(append([]string{"luksAddKey", "-q", "--hash", c.hash, "--key-file", old}, c.costs()...), path, fresh)
}

// combinations are all cells, possible or not.
func combinations() []combination {
	var all []combination
	for _, version := range []string{"luks1", "luks2"} {
		for _, cipher := range []combination{
			{cipher: "aes-xts-plain64", keyBits: 256},
			{cipher: "aes-xts-plain64", keyBits: 512},
			{cipher: "aes-cbc-essiv:sha256", keyBits: 256},
			{cipher: "serpent-xts-plain64", keyBits: 512},
			{cipher: "twofish-xts-plain64", keyBits: 512},
		} {
			for _, kdf := range [][2]string{
				{"pbkdf2", "sha1"}, {"pbkdf2", "sha256"}, {"pbkdf2", "sha512"}, {"argon2i", "sha256"}, {"argon2id", "sha256"},
			} {
				for _, size := range []int{512, 4096} {
					all = append(all, combination{version, cipher.cipher, cipher.keyBits, kdf[0], kdf[1], size})
				}
			}
		}
	}
	return all
}

// inSlice picks one cell for each version and cipher; key derivations and sector sizes take turns.
func inSlice(c combination, seen map[string]int) bool {
	group := fmt.Sprintf("%s %s %d", c.version, c.cipher, c.keyBits)
	turns := 10
	if c.version == "luks1" {
		turns = 3
	}
	number, known := seen[group]
	if !known {
		number = -(7 * len(seen) % turns) // so many cells of the group are passed over
	}
	seen[group] = number + 1
	return number == 0
}

// TestInteroperability is the matrix: each cell is a test of its own, run in the guest when the host
// asks for it. With ORTHRUS_RESUME=file those that have passed are noted there and not run again.
func TestInteroperability(t *testing.T) {
	full := *matrix == "full" || part.Whole()
	r := newRecord(t, os.Getenv("ORTHRUS_RESUME"))
	seen, firstOf := map[string]int{}, map[string]combination{}
	for _, c := range combinations() {
		if why := c.impossible(); why != "" {
			r.none = append(r.none, fmt.Sprintf("%s: %s", c, why))
			continue
		}
		r.possible++
		if _, known := firstOf[c.version]; !known {
			firstOf[c.version] = c
		}
		sliced := inSlice(c, seen)
		if !machine.IsInside() && (!full && !sliced || r.before(c.String())) {
			continue
		}
		detached := full || c == firstOf[c.version]
		begin, ran := time.Now(), false
		passed := t.Run(c.String(), func(t *testing.T) {
			ran = true
			machine.Inside(t, func(t *testing.T) { tryBothWays(t, c, detached) })
		})
		if ran { // and was not left out by -run
			r.add(t, c.String(), passed, time.Since(begin))
		}
	}
	if !machine.IsInside() {
		r.print(full)
	}
	if !full {
		part.Note(t, "combinations", r.ran, r.possible)
	}
}

// record keeps what ran and how it ended.
type record struct {
	file     string
	earlier  []string // passed in an earlier run
	rows     []string
	passed   int
	ran      int
	possible int
	none     []string // cells that cannot exist
}

func newRecord(t *testing.T, file string) *record {
	r := &record{file: file}
	if file == "" || machine.IsInside() {
		return r
	}
	text, err := os.ReadFile(file)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	r.earlier = strings.Fields(string(text))
	return r
}

func (r *record) before(name string) bool {
	if !slices.Contains(r.earlier, name) {
		return false
	}
	r.ran++
	r.passed++
	r.rows = append(r.rows, fmt.Sprintf("%-60s passed earlier", name))
	return true
}

func (r *record) add(t *testing.T, name string, passed bool, took time.Duration) {
	r.ran++
	verdict := "FAILED"
	if passed {
		r.passed++
		verdict = "passed"
	}
	r.rows = append(r.rows, fmt.Sprintf("%-60s %s %6.2f s", name, verdict, took.Seconds()))
	if !passed || r.file == "" || machine.IsInside() {
		return
	}
	f, err := os.OpenFile(r.file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := fmt.Fprintln(f, name); err != nil {
		t.Fatal(err)
	}
}

func (r *record) print(full bool) {
	fmt.Println("Interoperability with cryptsetup 2.6.1, both ways: data, keyslots, detached headers")
	for _, row := range r.rows {
		fmt.Println("  " + row)
	}
	which := "a slice"
	if full {
		which = "all"
		for _, none := range r.none {
			fmt.Println("  cannot exist: " + none)
		}
	}
	fmt.Printf("%d of %d combinations pass (%s of the %d that can exist; %d cannot)\n", r.passed, r.ran, which, r.possible, len(r.none))
}
