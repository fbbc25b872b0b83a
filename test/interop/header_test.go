// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"encoding/json"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
)

func TestLabelsAndUUIDs(t *testing.T) {
	bothWays(t, "luks2", func(b *bed, maker, other tool) {
		b.must(other, words("config --label L --subsystem S a.img")...)
		b.same(maker, other, "luksDump", "a.img")
		b.must(maker, words("config --label only a.img")...)
		if out := b.must(other, "luksDump", "a.img"); !strings.Contains(out, "Label:         \tonly\nSubsystem:     \t(no subsystem)\n") {
			b.t.Error("label not as set:\n", out)
		}
		b.must(other, "config", "--label", strings.Repeat("l", 60), "--subsystem", strings.Repeat("s", 48), "a.img")
		if out := b.must(maker, "luksDump", "a.img"); !strings.Contains(out, "\t"+strings.Repeat("l", 47)+"\nSubsystem:     \t"+strings.Repeat("s", 47)+"\n") {
			b.t.Error("a long label is not cut:\n", out)
		}
		setUUID(b, maker, other)
		b.same(maker, other, "luksDump", "a.img")
	})
	bothWays(t, "luks1", func(b *bed, maker, other tool) {
		setUUID(b, maker, other)
		b.same(maker, other, "luksDump", "a.img")
	})
}

func setUUID(b *bed, maker, other tool) {
	b.t.Helper()
	const uuid = "12345678-1234-4123-8123-123456789abc"
	b.must(other, words("luksUUID -q --uuid "+uuid+" a.img")...)
	for _, p := range []tool{maker, other} {
		if got := b.must(p, "luksUUID", "a.img"); got != uuid+"\n" {
			b.t.Errorf("%s: uuid %q", p.name, got)
		}
	}
	b.unlocks(maker, other, 0, "k1")
}

func TestTypesAreToldApart(t *testing.T) {
	for _, version := range []string{"luks1", "luks2"} {
		bothWays(t, version, func(b *bed, maker, other tool) {
			for _, asked := range []string{"luks", "luks1", "luks2"} {
				code := 1
				if asked == "luks" || asked == version {
					code = 0
				}
				for _, p := range []tool{maker, other} {
					for _, verb := range []string{"isLuks", "luksUUID", "luksDump", "open --test-passphrase --key-file k1"} {
						got := b.exits(p, code, append(words(verb), "--type", asked, "a.img")...)
						if verb == "isLuks" && got.stdout+got.stderr != "" {
							b.t.Errorf("%s isLuks prints %q", p.name, got.stdout+got.stderr)
						}
					}
				}
			}
		})
	}
}

// TestDetachedHeaders: a header made by each in a file of its own, which has the same length.
func TestDetachedHeaders(t *testing.T) {
	for _, version := range []string{"luks1", "luks2"} {
		var sizes []int64
		t.Run(version, func(t *testing.T) {
			for _, p := range pairings()[:2] {
				t.Run("made by "+p[0].name, func(t *testing.T) {
					sizes = append(sizes, detached(newBed(t), version, p[0], p[1]))
				})
			}
		})
		if len(sizes) == 2 && sizes[0] != sizes[1] {
			t.Errorf("%s: header file of %d bytes by us, of %d by cryptsetup", version, sizes[0], sizes[1])
		}
	}
}

func detached(b *bed, version string, maker, other tool) int64 {
	b.image("data", 4<<20)
	data := b.sum("data")
	cost := cheap("pbkdf2")
	b.must(maker, join(words("luksFormat -q --header h.img --key-file k1 --type "+version), cost, words("data"))...)
	b.must(other, join(words("luksAddKey -q --header h.img --key-file k1"), cost, words("data k2"))...)
	for _, p := range []tool{maker, other} {
		for _, key := range []string{"k1", "k2"} {
			b.must(p, words("open --test-passphrase --header h.img data --key-file "+key)...)
			b.must(p, words("open --test-passphrase h.img --key-file "+key)...)
		}
		b.exits(p, 1, words("isLuks data")...)
		b.exits(p, 0, words("isLuks h.img")...)
	}
	b.same(maker, other, "luksDump", "h.img")
	b.must(maker, words("luksKillSlot -q --header h.img --key-file k2 data 0")...)
	b.exits(other, 2, words("open --test-passphrase --header h.img data --key-file k1")...)
	if b.sum("data") != data {
		b.t.Error("the data device was written to")
	}
	info, err := os.Stat(b.path("h.img"))
	if err != nil {
		b.t.Fatal(err)
	}
	return info.Size()
}

// random are the parts of a dump that no two formats share.
var random = regexp.MustCompile(`(?m)("(salt|digest)":)"[^"]*"|^((MK |\t)(Salt|salt|digest|Digest):).*(\n[ \t]+\s*[0-9a-f]{2} [0-9a-f ]+)*|^(UUID:).*|^LUKS header information for.*`)

// TestFormatsAreEqual: the same command line makes the same volume, except for what is random.
func TestFormatsAreEqual(t *testing.T) {
	for _, options := range []string{
		"--type luks1", "--type luks1 --key-size 256", "--type luks1 --cipher aes-cbc-essiv:sha256", "--type luks1 --hash sha512",
		"--type luks1 --align-payload 8", "--type luks1 --align-payload 8192", "--type luks1 --offset 8192", "--type luks1 --key-slot 5",
		"", "--sector-size 512", "--sector-size 1024", "--sector-size 4096", "--key-size 256", "--cipher aes-cbc-essiv:sha256",
		"--cipher aes-cbc-plain64 --key-size 128", "--hash sha512", "--hash whirlpool", "--hash SHA256", "--label L --subsystem S",
		"--luks2-metadata-size 64k", "--luks2-metadata-size 4m", "--luks2-keyslots-size 512k", "--luks2-keyslots-size 1020k",
		"--luks2-metadata-size 128k --luks2-keyslots-size 8m", "--offset 16384", "--offset 65536", "--offset 8200 --sector-size 4096", "--offset 600 --sector-size 512",
		"--align-payload 8", "--align-payload 8192", "--align-payload 24 --luks2-keyslots-size 512k", "--key-slot 7",
		"--keyslot-cipher aes-cbc-essiv:sha256 --keyslot-key-size 128", "--pbkdf argon2i --pbkdf-memory 64 --pbkdf-parallel 1 --pbkdf-force-iterations 4",
		"--pbkdf argon2id --pbkdf-memory 100 --pbkdf-parallel 2 --pbkdf-force-iterations 5",
		"--header h.img", "--header h.img --offset 8192", "--header h.img --align-payload 8201 --sector-size 512",
		"--header h.img --luks2-keyslots-size 1m", "--header h.img --type luks1", "--header h.img --type luks1 --align-payload 8201",
		"--header h.img --type luks1 --offset 8192",
	} {
		t.Run(strings.ReplaceAll("options "+options, "--", ""), func(t *testing.T) {
			t.Parallel()
			b := newBed(t)
			ours := formatted(b, bench.ours, options)
			for _, p := range []tool{bench.bookworm, bench.trixie} {
				if p == bench.trixie && strings.Contains(options, "whirlpool") {
					continue // Debian 13 no longer has it
				}
				if theirs := formatted(b, p, options); ours != theirs {
					t.Errorf("< orthrus, > %s:\n%s", p.name, difference(ours, theirs))
				}
			}
		})
	}
}

// formatted makes a volume and describes it without what is random.
func formatted(b *bed, p tool, options string) string {
	b.t.Helper()
	b.image("a.img", 40<<20)
	defer os.Remove(b.path("a.img"))
	args := words("luksFormat -q --key-file k1 " + options)
	if !strings.Contains(options, "--pbkdf ") && !strings.Contains(options, "luks1") {
		args = append(args, "--pbkdf", "pbkdf2")
	}
	if !strings.Contains(options, "--pbkdf-force-iterations") {
		args = append(args, "--pbkdf-force-iterations", "1000")
	}
	out := b.must(p, append(args, "a.img")...)
	meta := "a.img"
	if strings.Contains(options, "--header") {
		meta = "h.img"
		out += fmt.Sprintln(len(b.read(meta)), "bytes")
		defer os.Remove(b.path(meta))
	}
	out += b.must(bench.bookworm, "luksDump", meta)
	if !strings.Contains(options, "luks1") {
		out += b.must(bench.bookworm, "luksDump", "--dump-json-metadata", meta)
	}
	return random.ReplaceAllString(out, "$1$3$7 random")
}

// TestUnknownMembersSurvive: what a later release put into the JSON is there after each of us has
// changed something else.
func TestUnknownMembersSurvive(t *testing.T) {
	bothWays(t, "luks2", func(b *bed, maker, other tool) {
		reseal(b, "a.img", func(meta map[string]any) {
			meta["later"] = map[string]any{"x": []any{1, "two"}}
			meta["keyslots"].(map[string]any)["0"].(map[string]any)["note"] = "kept"
			meta["config"].(map[string]any)["note"] = "kept"
			meta["tokens"].(map[string]any)["3"] = map[string]any{"type": "foreign", "keyslots": []any{"0"}, "blob": "YWJj"}
		})
		b.must(other, join(words("luksAddKey -q --key-file k1"), cheap("pbkdf2"), words("a.img k2"))...)
		b.must(maker, words("config --label L a.img")...)
		b.same(maker, other, "luksDump", "a.img")
		b.sameJSON(maker, other, "luksDump", "--dump-json-metadata", "a.img")
		var got map[string]any
		if err := json.Unmarshal([]byte(b.must(maker, "luksDump", "--dump-json-metadata", "a.img")), &got); err != nil {
			b.t.Fatal(err)
		}
		if got["later"] == nil || got["config"].(map[string]any)["note"] != "kept" || got["tokens"].(map[string]any)["3"] == nil {
			b.t.Errorf("members were lost: %v", got)
		}
	})
}
