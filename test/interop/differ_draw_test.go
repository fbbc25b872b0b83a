// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// drawing draws one line.
type drawing struct {
	*rand.Rand
	args []string
}

// some adds words with a chance of one in n.
func (d *drawing) some(n int, text string) {
	if d.IntN(n) == 0 {
		d.args = append(d.args, words(text)...)
	}
}

func (d *drawing) always(text string) { d.args = append(d.args, words(text)...) }

func (d *drawing) key() string {
	return pick(d.Rand, "k1", "k1", "k1", "k2", "k3", "wrong", "empty", "missing", "-")
}

func (d *drawing) slot() string {
	return pick(d.Rand, "0", "0", "1", "1", "2", "5", "7", "8", "31", "32", "-1", "x")
}

func (d *drawing) keyFile() {
	if d.IntN(4) > 0 {
		d.always("--key-file " + d.key())
		d.some(12, "--keyfile-size "+pick(d.Rand, "3", "10", "100"))
		d.some(12, "--keyfile-offset "+pick(d.Rand, "1", "5", "1000"))
	}
}

// costs keep a line fast whatever it is.
func (d *drawing) costs() {
	d.always(pick(d.Rand, "--pbkdf pbkdf2 --pbkdf-force-iterations 1000", "--pbkdf pbkdf2 --pbkdf-force-iterations 1000",
		"--pbkdf argon2id --pbkdf-memory 32 --pbkdf-parallel 1 --pbkdf-force-iterations 4", "--pbkdf pbkdf2 --pbkdf-force-iterations 999"))
}

func (d *drawing) target() {
	d.always(pick(d.Rand, "a.img", "a.img", "a.img", "a.img", "a.img", "a.img", "a.img", "a.img", "none.img", "k1", "."))
}

// verbs draw the rest of a line of theirs.
var verbs = map[string]func(d *drawing){
	"luksFormat": func(d *drawing) {
		d.costs()
		d.some(2, "--type "+pick(d.Rand, "luks1", "luks2", "luks", "plain"))
		d.some(4, "--cipher "+pick(d.Rand, "aes-xts-plain64", "aes-cbc-essiv:sha256", "aes-ctr-benbi", "aes", "aes-xts", "aes-cbc-plain"))
		d.some(6, "--key-size "+pick(d.Rand, "128", "256", "512", "100", "384"))
		d.some(6, "--hash "+pick(d.Rand, "sha256", "sha512", "sha1", "none"))
		d.some(5, "--sector-size "+pick(d.Rand, "512", "4096", "1024", "100", "8192"))
		d.some(5, "--label L --subsystem S")
		d.some(5, "--uuid "+pick(d.Rand, "22222222-2222-4333-8444-555555555555", "x"))
		d.some(3, "--luks2-keyslots-size "+pick(d.Rand, "1m", "256k", "0", "4097", "512k"))
		d.some(6, "--luks2-metadata-size "+pick(d.Rand, "16k", "64k", "4m", "17k"))
		d.some(3, "--offset "+pick(d.Rand, "4096", "2048", "1", "8", "100000"))
		d.some(8, "--align-payload "+pick(d.Rand, "8", "2048", "4097", "1"))
		d.some(6, "-S "+d.slot())
		d.some(10, "--keyslot-cipher "+pick(d.Rand, "aes-cbc-plain64", "aes-xts-plain64:sha256")+" --keyslot-key-size 256")
		d.target()
		if d.IntN(3) == 0 {
			d.always(d.key())
		} else {
			d.keyFile()
		}
	},
	"luksAddKey": func(d *drawing) {
		d.costs()
		d.keyFile()
		d.some(4, "-S "+d.slot())
		d.some(8, "--new-key-slot "+d.slot())
		d.some(10, "--unbound --key-size "+pick(d.Rand, "128", "256", "7"))
		d.target()
		if d.IntN(3) > 0 {
			d.always(pick(d.Rand, "k2", "k3", "empty", "missing"))
		}
	},
	"luksChangeKey": func(d *drawing) {
		d.costs()
		d.keyFile()
		d.some(3, "-S "+d.slot())
		d.target()
		if d.IntN(3) > 0 {
			d.always(pick(d.Rand, "k2", "k3", "empty", "missing"))
		}
	},
	"luksConvertKey": func(d *drawing) { d.costs(); d.keyFile(); d.some(3, "-S "+d.slot()); d.target() },
	"luksRemoveKey": func(d *drawing) {
		d.keyFile()
		d.target()
		d.some(3, d.key())
	},
	"luksKillSlot": func(d *drawing) { d.keyFile(); d.target(); d.always(d.slot()) },
	"luksUUID": func(d *drawing) {
		d.some(2, "--uuid "+pick(d.Rand, "33333333-2222-4333-8444-555555555555", "x", "33333333222243338444555555555555"))
		d.target()
	},
	"isLuks": func(d *drawing) { d.some(3, "--type "+pick(d.Rand, "luks1", "luks2", "luks", "plain")); d.target() },
	"luksDump": func(d *drawing) {
		d.some(4, pick(d.Rand, "--dump-json-metadata", "--unbound -S 5"))
		d.some(4, "--type "+pick(d.Rand, "luks1", "luks2"))
		d.target()
	},
	"erase":            func(d *drawing) { d.target() },
	"luksHeaderBackup": func(d *drawing) { d.some(1, "--header-backup-file "+pick(d.Rand, "new", "k1", "none/new")); d.target() },
	"luksHeaderRestore": func(d *drawing) {
		d.some(1, "--header-backup-file "+pick(d.Rand, "b.img", "c.img", "k1", "none"))
		d.target()
	},
	"repair":  func(d *drawing) { d.some(4, "--type "+pick(d.Rand, "luks1", "luks2")); d.target() },
	"convert": func(d *drawing) { d.some(1, "--type "+pick(d.Rand, "luks1", "luks2", "luks", "x")); d.target() },
	"config": func(d *drawing) {
		d.some(2, "--priority "+pick(d.Rand, "prefer", "normal", "ignore", "x"))
		d.some(2, "-S "+d.slot())
		d.some(3, "--label "+pick(d.Rand, "LABEL", strings.Repeat("l", 48)))
		d.some(3, "--subsystem SUB")
		d.target()
	},
	"token": func(d *drawing) {
		d.always(pick(d.Rand, "add", "import", "import", "export", "remove", "unassign", "x"))
		d.some(2, "--token-id "+pick(d.Rand, "0", "1", "31", "32", "-1"))
		d.some(3, "-S "+d.slot())
		d.some(3, "--key-description d")
		d.some(2, "--json-file "+pick(d.Rand, "token", "odd", "text", "none", "-"))
		d.some(6, "--token-replace")
		d.some(6, "--unbound")
		d.target()
	},
	"open": func(d *drawing) {
		d.always("--test-passphrase")
		d.keyFile()
		d.some(3, "-S "+d.slot())
		d.some(5, "--unbound")
		d.some(8, "--token-only")
		d.some(8, "--type "+pick(d.Rand, "luks1", "luks2", "luks", "plain", "x"))
		d.target()
	},
	"luksOpen": func(d *drawing) { d.always("--test-passphrase"); d.keyFile(); d.target() },
	"nothing":  func(d *drawing) { d.some(2, "a.img") },
}

func drawLine(r *rand.Rand) line {
	d := &drawing{Rand: r}
	verb := pick(d.Rand, slices.Sorted(maps.Keys(verbs))...)
	d.always(verb)
	verbs[verb](d)
	if d.IntN(3) > 0 {
		d.args = slices.Insert(d.args, 0, "-q")
	}
	d.some(25, pick(d.Rand, "--label x", "--readonly", "--unbound", "--nonsense", "--key-slot 1", "--header a.img", "extra", "--tries 2", "--disable-locks", "--test-args"))
	return line{
		image: pick(d.Rand, "zeros", "luks2", "luks2, keys", "luks2, keys", "luks2, keys", "luks1", "luks1, keys", "luks1, keys", "luks2, empty key", "primary damaged", "secondary damaged", "another signature"),
		args:  d.args,
		stdin: pick(d.Rand, "", "", "the key k1\nwith a second line", "wrong\n", "\n", "the key k2\nthe key k3\nthe key k3\n"),
	}
}

// headerFacts is what a header says, less salts, digests, places of keyslots and whatever else must differ
// between two runs of one program.
func headerFacts(image []byte) string {
	raw := image[:min(len(image), luks1.ReservedSize)]
	if h, err := luks1.Decode(raw); err == nil {
		h.UUID = drawn(h.UUID)
		h.Digest, h.DigestSalt = [luks1.DigestSize]byte{}, [luks1.SaltSize]byte{}
		for i := range h.Keyslots {
			h.Keyslots[i].Salt, h.Keyslots[i].Iterations = [luks1.SaltSize]byte{}, 0
		}
		return fmt.Sprintf("LUKS1 %+v", h)
	}
	c, err := header.Choose(header.Read(memoryDevice{bytes.NewReader(image)}))
	if err != nil {
		return "none"
	}
	m := vectors.Object{}
	if err := json.Unmarshal(c.Copy.Metadata.Text(), &m); err != nil {
		return err.Error()
	}
	for _, slot := range vectors.In(m, "keyslots") {
		s := slot.(vectors.Object)
		if kdf, known := s["kdf"].(vectors.Object); known {
			delete(kdf, "salt")
		}
		delete(s["area"].(vectors.Object), "offset")
	}
	for _, digest := range vectors.In(m, "digests") {
		delete(digest.(vectors.Object), "salt")
		delete(digest.(vectors.Object), "digest")
	}
	text, err := json.Marshal(m)
	if err != nil {
		return err.Error()
	}
	return fmt.Sprintf("LUKS2 %s %q %q %s", drawn(c.Copy.Header.UUID), c.Copy.Header.Label, c.Copy.Header.Subsystem, text)
}

// drawn leaves out a UUID that the program has made up.
func drawn(uuid string) string {
	if bare := strings.TrimLeft(uuid, uuid[:min(1, len(uuid))]); strings.HasPrefix(bare, "-") {
		return uuid // "11111111-…"
	}
	return "made up"
}

// memoryDevice is an image that nothing is written to.
type memoryDevice struct{ *bytes.Reader }

func (memoryDevice) WriteAt([]byte, int64) (int, error) { return 0, io.ErrShortWrite }
func (memoryDevice) Sync() error                        { return nil }
