// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// binarySize is the length of a head before its metadata, bytes.
const binarySize = 4096

// What refusing a header may cost.
const (
	hostileTime   = 100 * time.Millisecond // of processors, user and system, on a quiet machine; neighbours slow them down
	hostileMemory = 64 << 10               // KiB, resident
)

// hostile is a header whose checksums are right and which asks for too much.
type hostile struct {
	name string
	edit func(m object)        // of the metadata of a small volume
	text func(room int) string // instead: the whole text of a volume with heads of 4 MiB
	raw  func(image []byte)    // instead: of a LUKS1 header
	// dear tells that --allow-high-cost lets it through, to derive for hours.
	dear bool
	// sound tells that both releases of cryptsetup take a passphrase for it: so do we, and map nothing.
	sound bool
	says  string // a part of our error
}

func be32(at int, value uint32) func([]byte) {
	return func(image []byte) { binary.BigEndian.PutUint32(image[at:], value) }
}

func argon2(passes, memory, cpus any) func(m object) {
	return func(m object) {
		in(m, "keyslots", "0")["kdf"] = object{
			"type": "argon2id", "time": passes, "memory": memory, "cpus": cpus, "salt": in(m, "keyslots", "0", "kdf")["salt"],
		}
	}
}

const (
	most32 = uint32(1<<32 - 1)
	most64 = "18446744073709551615"
)

// set changes one member.
func set(value any, path ...string) func(m object) {
	return func(m object) { in(m, path[:len(path)-1]...)[path[len(path)-1]] = value }
}

// many fills an object with members up to room bytes.
func many(room int, member func(i int) string) string {
	var b strings.Builder
	for i := 0; b.Len() < room-200; i++ {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(member(i))
	}
	return b.String()
}

func document(keyslots, tokens, segments, digests, config string) string {
	return `{"keyslots":{` + keyslots + `},"tokens":{` + tokens + `},"segments":{` + segments + `},"digests":{` + digests + `},"config":{` + config + `}}`
}

var hostiles = []hostile{
	{name: "argon2 passes 2^32-1", edit: argon2(most32, 64, 1), dear: true, says: "passes"},
	{name: "argon2 passes 2^32-1 with 4 GiB", edit: argon2(most32, 4<<20, 4), dear: true, says: "passes"},
	{name: "argon2 memory 2^32-1 KiB", edit: argon2(4, most32, 1), says: "memory"},
	{name: "argon2 lanes 2^32-1", edit: argon2(4, 64, most32), says: ""},
	{name: "argon2 passes 2^31 of 1 GiB", edit: argon2(1<<20, 1<<20, 4), dear: true, says: "passes"},
	{name: "argon2 passes 0", edit: argon2(0, 64, 1), says: ""},
	{name: "argon2 memory negative", edit: argon2(4, -1, 1), says: ""},
	{name: "argon2 passes 2^63", edit: argon2(uint64(1<<63), 64, 1), says: ""},
	{name: "pbkdf2 iterations 2^32-1 in the keyslot", edit: set(most32, "keyslots", "0", "kdf", "iterations"), dear: true, says: "iterations"},
	{name: "pbkdf2 iterations 2^32-1 in the digest", edit: set(most32, "digests", "0", "iterations"), dear: true, says: "iterations"},
	{name: "pbkdf2 iterations 0", edit: set(0, "keyslots", "0", "kdf", "iterations"), says: ""},
	{name: "pbkdf2 iterations 2^64", edit: set(1.8446744073709552e19, "keyslots", "0", "kdf", "iterations"), says: ""},
	{name: "key_size 2^31-1", edit: set(1<<31-1, "keyslots", "0", "key_size"), says: ""},
	{name: "area key_size 2^31-1", edit: set(1<<31-1, "keyslots", "0", "area", "key_size"), says: ""},
	{name: "stripes 2^32-1", edit: set(most32, "keyslots", "0", "af", "stripes"), says: ""},
	{name: "stripes 0", edit: set(0, "keyslots", "0", "af", "stripes"), says: ""},
	{name: "area offset 2^64-1", edit: set(most64, "keyslots", "0", "area", "offset"), says: ""},
	{name: "area size 2^64-1", edit: set(most64, "keyslots", "0", "area", "size"), says: ""},
	{name: "area that wraps around", edit: func(m object) {
		area := in(m, "keyslots", "0", "area")
		area["offset"], area["size"] = "18446744073709547520", "8192"
	}, says: ""},
	{name: "area beyond the device", edit: func(m object) {
		in(m, "config")["keyslots_size"] = "134217728"
		in(m, "segments", "0")["offset"] = "1073741824"
		in(m, "keyslots", "0", "area")["offset"] = "134000640"
	}, says: ""},
	{name: "keyslots_size 2^64-1", edit: set(most64, "config", "keyslots_size"), says: ""},
	{name: "keyslots_size 2^64-4096", edit: set("18446744073709547520", "config", "keyslots_size"), says: ""},
	{name: "json_size 2^64-1", edit: set(most64, "config", "json_size"), says: ""},
	{name: "segment size that wraps around", edit: func(m object) {
		in(m, "segments", "0")["offset"], in(m, "segments", "0")["size"] = "18446744073709547520", "8192"
	}, sound: true},
	{name: "segment at 2^64-4096", edit: set("18446744073709547520", "segments", "0", "offset"), sound: true},
	{name: "segment size 2^64-512", edit: set("18446744073709551104", "segments", "0", "size"), says: ""},
	{name: "keyslot number 2^63", edit: func(m object) { in(m, "keyslots")["9223372036854775808"] = in(m, "keyslots", "0") }, says: ""},
	{name: "keyslot number of a thousand digits", edit: func(m object) { in(m, "keyslots")[strings.Repeat("9", 1000)] = in(m, "keyslots", "0") }, says: ""},

	{name: "arrays nested two million deep", text: func(room int) string { return strings.Repeat("[", room/2) + strings.Repeat("]", room/2) }},
	{name: "objects nested half a million deep", text: func(room int) string {
		return strings.Repeat(`{"a":`, room/6) + "1" + strings.Repeat("}", room/6)
	}},
	{name: "nesting that never ends", text: func(room int) string { return strings.Repeat("[", room) }},
	{name: "nesting in a token", text: func(room int) string {
		depth := (room - 400) / 2
		return document("", `"0":{"type":"t","keyslots":[],"x":`+strings.Repeat("[", depth)+strings.Repeat("]", depth)+`}`, "", "", `"json_size":"4190208","keyslots_size":"524288"`)
	}},
	{name: "a hundred thousand tokens", text: func(room int) string {
		return document("", many(room, func(i int) string { return fmt.Sprintf(`"%d":{"type":"t","keyslots":[]}`, i) }), "", "", `"json_size":"4190208","keyslots_size":"524288"`)
	}},
	{name: "a hundred thousand keyslots", text: func(room int) string {
		return document(many(room, func(i int) string { return fmt.Sprintf(`"%d":{"type":"t","key_size":1,"area":{}}`, i) }), "", "", "", `"json_size":"4190208","keyslots_size":"524288"`)
	}},
	{name: "a hundred thousand segments", text: func(room int) string {
		return document("", "", many(room, func(i int) string { return fmt.Sprintf(`"%d":{"type":"t","offset":"0","size":"512"}`, i) }), "", `"json_size":"4190208","keyslots_size":"524288"`)
	}},
	{name: "a digest of a million keyslots", text: func(room int) string {
		return document("", "", "", `"0":{"type":"t","segments":[],"keyslots":[`+many(room-200, func(int) string { return `"0"` })+`]}`, `"json_size":"4190208","keyslots_size":"524288"`)
	}},
	{name: "one member two hundred thousand times", text: func(room int) string { return "{" + many(room, func(int) string { return `"keyslots":{}` }) + "}" }},
	{name: "a number of four million digits", text: func(room int) string {
		return document("", "", "", "", `"json_size":"4190208","keyslots_size":`+strings.Repeat("9", room-200))
	}},
	{name: "an exponent of nine digits", text: func(int) string {
		return document("", "", "", "", `"json_size":"4190208","keyslots_size":"524288","x":1e999999999`)
	}},
	{name: "a text of four million letters", text: func(room int) string { return `"` + strings.Repeat("a", room-3) + `"` }},
	{name: "escapes to the end", text: func(room int) string { return `{"` + strings.Repeat(`\u0000`, room/6-2) + `":1}` }},
	{name: "bytes that are no text", text: func(room int) string { return strings.Repeat("\xff", room) }},

	{name: "LUKS1 key of 4 GiB", raw: be32(108, most32)},
	{name: "LUKS1 key of 2^31", raw: be32(108, 1<<31)},
	{name: "LUKS1 stripes 2^32-1", raw: be32(252, most32)},
	{name: "LUKS1 stripes 0", raw: be32(252, 0)},
	{name: "LUKS1 material at 2^32-1", raw: be32(248, most32)},
	{name: "LUKS1 iterations 2^32-1 in the keyslot", raw: be32(212, most32), dear: true, says: "iterations"},
	{name: "LUKS1 iterations 2^32-1 in the digest", raw: be32(164, most32), dear: true, says: "iterations"},
}

// measured is what one run costs.
type measured struct {
	result
	cpu    time.Duration
	memory int64 // KiB
}

// measureEnv makes the test binary run the command in its arguments and say what that cost. A process of
// its own, since a child is born with the memory of its parent on its account.
const measureEnv = "ORTHRUS_INTEROP_MEASURE"

func measureChild() int {
	cmd := exec.Command(os.Args[1], os.Args[2:]...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	_ = cmd.Run()
	var use syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_CHILDREN, &use); err != nil || cmd.ProcessState == nil {
		return 125
	}
	cost := fmt.Sprintf("%d %d", use.Utime.Nano()+use.Stime.Nano(), use.Maxrss)
	if os.WriteFile(os.Getenv(measureEnv), []byte(cost), 0o600) != nil {
		return 125
	}
	return cmd.ProcessState.ExitCode()
}

// spend runs our program and measures it.
func spend(b *bed, args ...string) measured {
	b.t.Helper()
	self, err := os.Executable()
	if err != nil {
		b.t.Fatal(err)
	}
	cmd := exec.Command(self, append([]string{bench.ours.path}, args...)...)
	if args[0] == "check" {
		cmd = exec.Command(self, append([]string{own(b).path}, args...)...)
	}
	cmd.Dir, cmd.Env = b.dir, append(os.Environ(), measureEnv+"="+b.path("cost"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 125 {
		b.t.Fatal("measuring: ", err)
	}
	m := measured{result: result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}}
	var ns int64
	if _, err := fmt.Sscan(string(b.read("cost")), &ns, &m.memory); err != nil {
		b.t.Fatal(err)
	}
	m.cpu = time.Duration(ns)
	return m
}

// cheapest repeats a run: what other programs do to the caches is not ours.
func cheapest(b *bed, args ...string) measured {
	best := spend(b, args...)
	for range 2 {
		if best.cpu < hostileTime {
			break
		}
		if again := spend(b, args...); again.cpu < best.cpu {
			best = again
		}
	}
	return best
}

// TestHostileHeadersAreRefusedAtOnce: a header that asks for too much costs next to nothing to refuse, is
// refused in one line, and is not written to; opening, dumping and checking all survive it.
func TestHostileHeadersAreRefusedAtOnce(t *testing.T) {
	from := newBed(t)
	from.image("small.img", 5<<19)
	from.must(bench.ours, words("luksFormat -q --key-file k1 --luks2-keyslots-size 512k "+costs+"small.img")...)
	from.image("large.img", 10<<20)
	from.must(bench.ours, words("luksFormat -q --key-file k1 --luks2-metadata-size 4m --luks2-keyslots-size 512k "+costs+"large.img")...)
	from.image("one.img", 5<<19)
	from.must(bench.ours, words("luksFormat -q --key-file k1 --type luks1 --pbkdf-force-iterations 1000 one.img")...)
	var dearest measured
	for _, h := range hostiles {
		t.Run(h.name, func(t *testing.T) {
			b := newBed(t)
			image := h.image(t, from)
			if err := os.WriteFile(b.path("w.img"), image, 0o600); err != nil {
				t.Fatal(err)
			}
			for _, verb := range []string{"open --test-passphrase --key-file k1 w.img", "luksDump w.img", "check w.img"} {
				got := cheapest(b, words(verb)...)
				if got.cpu > pace.Limit(hostileTime) || got.memory > hostileMemory {
					t.Errorf("%s: %v, %d KiB", verb, got.cpu, got.memory)
				}
				dearest.cpu, dearest.memory = max(dearest.cpu, got.cpu), max(dearest.memory, got.memory)
				refused := got.code > 0 && got.code <= 5 && strings.Contains(got.stderr, h.says)
				if strings.HasPrefix(verb, "open") && !h.sound && !refused {
					t.Errorf("%s: exit %d, %q, want one that names %q", verb, got.code, got.stderr, h.says)
				}
				if strings.Contains(got.stderr, "goroutine") {
					t.Errorf("%s: %s", verb, got.stderr)
				}
			}
			if h.dear {
				h.override(t, b)
			}
			if h.sound {
				soundButLost(b)
			}
			if !bytes.Equal(b.read("w.img"), image) {
				t.Error("the header was written to")
			}
		})
	}
	fmt.Printf("hostile headers: %d, three verbs each; the dearest run took %v of processors, the largest %d MiB\n",
		len(hostiles), dearest.cpu.Round(time.Millisecond), dearest.memory>>10)
}

// soundButLost: the passphrase is right to everybody, and check says that no device has such a place.
func soundButLost(b *bed) {
	b.t.Helper()
	for _, p := range []tool{bench.ours, bench.bookworm, bench.trixie} {
		b.must(p, words("open --test-passphrase --key-file k1 w.img")...)
	}
	if got := b.run(own(b), words("check w.img")...); !strings.Contains(got.stdout, "lie on no device") {
		b.t.Errorf("check: exit %d, %s%s", got.code, got.stdout, got.stderr)
	}
}

func (h hostile) image(t *testing.T, from *bed) []byte {
	switch {
	case h.raw != nil:
		image := from.read("one.img")
		h.raw(image)
		return image
	case h.text != nil:
		image := from.read("large.img")
		for _, head := range heads(image) {
			vectors.SetText(head, []byte(h.text(len(head)-binarySize-1)))
		}
		return image
	}
	image := from.read("small.img")
	resealImage(t, image, h.edit)
	return image
}

// override: whoever trusts the header is let through, and waits.
func (h hostile) override(t *testing.T, b *bed) {
	ctx, cancel := context.WithTimeout(t.Context(), 400*time.Millisecond)
	defer cancel()
	cmd := exec.CommandContext(ctx, own(b).path, words("open --test-passphrase --allow-high-cost --key-file k1 w.img")...)
	cmd.Dir = b.dir
	out, err := cmd.CombinedOutput()
	if ctx.Err() == nil && !strings.Contains(string(out), "memory") {
		t.Errorf("--allow-high-cost does not let it through: %v\n%s", err, out)
	}
}
