// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The drawn matrix of verity images: how many parameter sets, and from which number on.
var (
	veritySets = flag.Int("verity-sets", 30, "parameter sets of verity images to draw, each for both releases")
	verityFrom = flag.Int("verity-from", 0, "number of the first one")
)

// verityTools are ours under the name veritysetup, and the real ones, which lie beside the real cryptsetup.
func verityTools(t *testing.T) (ours tool, peers []tool) {
	t.Helper()
	link := filepath.Join(t.TempDir(), "veritysetup")
	if err := os.Symlink(bench.ours.path, link); err != nil {
		t.Fatal(err)
	}
	for _, p := range []tool{bench.bookworm, bench.trixie} {
		path := filepath.Join(filepath.Dir(p.path), "veritysetup")
		if _, err := os.Stat(path); err != nil {
			t.Fatalf("%v: run ./scripts/setup", err)
		}
		peers = append(peers, tool{p.name, path})
	}
	return tool{"orthrus", link}, peers
}

// veritySet is one set of parameters, and the files that it is about.
type veritySet struct {
	dataBytes int
	files     [3]string // data, hash, fec ("" for none)
	options   []string  // of format and, without a superblock, of verify
	fec       []string
}

func pick[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

// drawVerity draws a set that may be good or refused.
func drawVerity(r *rand.Rand) veritySet {
	s := veritySet{files: [3]string{"data", "hash", ""}}
	size := pick(r, 512, 1024, 4096, 4096, 4096, 8192)
	hashSize := size
	if r.IntN(4) == 0 {
		hashSize = pick(r, 512, 1024, 4096)
	}
	blocks := pick(r, 1, 2, 1+r.IntN(20), 1+r.IntN(300))
	s.dataBytes = blocks*size + pick(r, 0, 0, 0, r.IntN(size))
	hash := pick(r, "sha256", "sha256", "sha1", "sha512", "sha384", "sha224", "sha3-256", "SHA256", "blake2b-512",
		"blake2s-256", "ripemd160", "whirlpool", "sm3", "nosuchhash")
	s.options = []string{
		"--data-block-size", fmt.Sprint(size), "--hash-block-size", fmt.Sprint(hashSize), "--hash", hash,
		"--format", pick(r, "1", "1", "1", "0"), "--salt", drawSalt(r),
	}
	if r.IntN(4) == 0 {
		s.options = append(s.options, "--no-superblock")
	}
	s.place(r, size, blocks)
	if r.IntN(2) == 0 {
		s.placeFEC(r)
	}
	return s
}

func drawSalt(r *rand.Rand) string {
	n := pick(r, 0, 1, 32, 32, 64, 256, r.IntN(257))
	if n == 0 {
		return "-"
	}
	salt := ""
	for range n {
		salt += fmt.Sprintf("%02x", r.IntN(256))
	}
	return salt
}

// place puts the tree into a file of its own, or behind the data.
func (s *veritySet) place(r *rand.Rand, size, blocks int) {
	switch r.IntN(5) {
	case 0:
		s.files[1] = "data"
		offset := (blocks*size + size - 1) / size * size
		s.options = append(s.options, "--hash-offset", fmt.Sprint(offset), "--data-blocks", fmt.Sprint(blocks))
	case 1:
		s.options = append(s.options, "--hash-offset", fmt.Sprint(pick(r, 512, 4096, 8192, 10240)))
	}
}

// placeFEC puts the parity into a file of its own, or behind the tree, at an offset that no tree of a drawn image
// reaches; rarely at one that it may reach, which is refused.
func (s *veritySet) placeFEC(r *rand.Rand) {
	s.files[2] = "fec"
	s.fec = []string{"--fec-roots", fmt.Sprint(pick(r, 2, 2, 3, 5, 24, 2+r.IntN(23)))}
	switch r.IntN(6) {
	case 0, 1:
		s.files[2] = s.files[1]
		s.fec = append(s.fec, "--fec-offset", fmt.Sprint(pick(r, 4<<20, 4<<20, 5<<20+512*r.IntN(64), 65536)))
	case 2:
		s.fec = append(s.fec, "--fec-offset", fmt.Sprint(pick(r, 512, 4096)))
	}
}

func (s *veritySet) format() []string {
	args := append([]string{
		"format", s.files[0], s.files[1], "--uuid",
		"11111111-2222-3333-4444-555555555555",
	}, s.options...)
	return append(args, s.fecOptions()...)
}

func (s *veritySet) fecOptions() []string {
	if s.files[2] == "" {
		return nil
	}
	return append([]string{"--fec-device", s.files[2]}, s.fec...)
}

// verify names the parameters again where there is no superblock.
func (s *veritySet) verify(root string) []string {
	args := []string{"verify", s.files[0], s.files[1], root}
	if slices.Contains(s.options, "--no-superblock") {
		args = append(args, s.options...)
	} else if i := slices.Index(s.options, "--hash-offset"); i >= 0 {
		args = append(args, s.options[i:i+2]...)
	}
	return append(args, s.fecOptions()...)
}

func randomFile(b *bed, name string, r *rand.Rand, n int) {
	b.t.Helper()
	p := make([]byte, n)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	if r.IntN(3) == 0 {
		clear(p[n/3 : n/2])
	}
	b.write(name, string(p))
}

var rootLine = regexp.MustCompile(`Root hash: +\t([0-9a-f]+)`)

// Each set is formatted by us and by both releases: equal exit codes, equal bytes. What either has made the others
// verify; then a byte of it is changed, and the verdicts compared again.
func TestVerityImagesAreTheSameWhoeverMakesThem(t *testing.T) {
	ours, peers := verityTools(t)
	tally := verityTally{}
	for number := *verityFrom; number < *verityFrom+*veritySets; number++ {
		for _, peer := range peers {
			r := rand.New(rand.NewPCG(uint64(number), 30))
			what := compareVerity(t, number, r, drawVerity(r), ours, peer)
			tally[peer.name+", "+what]++
			if what == madeByBoth+lenientVerify {
				tally[peer.name+", "+madeByBoth]++
			}
		}
		if number%100 == 99 {
			t.Logf("%d sets drawn, %d images made", number+1-*verityFrom, tally[peers[0].name+", "+madeByBoth])
		}
	}
	for _, what := range slices.Sorted(maps.Keys(tally)) {
		t.Logf("%s: %d of %d", what, tally[what], *veritySets)
	}
	for _, peer := range peers {
		if made := tally[peer.name+", "+madeByBoth]; made < *veritySets/2 {
			t.Errorf("only %d of %d sets make an image with %s", made, *veritySets, peer.name)
		}
	}
}

// verityTally counts sets by what came of them.
type verityTally map[string]int

const (
	madeByBoth    = "made by both"
	refusedByBoth = "refused by both"
	differing     = "different"
)

// reach makes a file that parity is to lie in as long as its offset: veritysetup reads what lies between and does not
// take the end of the file for zeros.
func (s *veritySet) reach(b *bed) {
	i := slices.Index(s.fec, "--fec-offset")
	if i < 0 || s.files[2] == "fec" {
		return
	}
	offset, err := strconv.ParseInt(s.fec[i+1], 10, 64)
	if err != nil {
		b.t.Fatal(err)
	}
	if s.files[2] != "data" {
		b.image(s.files[2], offset)
	} else if len(b.read("data")) < int(offset) {
		b.extend("data", offset)
	}
}

// remove makes room for the next of many.
func (b *bed) remove() {
	b.t.Helper()
	if err := os.RemoveAll(b.dir); err != nil {
		b.t.Error(err)
	}
}

func (b *bed) extend(name string, size int64) {
	b.t.Helper()
	if err := os.Truncate(b.path(name), size); err != nil {
		b.t.Fatal(err)
	}
}

// copyFrom takes over those of the files that are there.
func (b *bed) copyFrom(other *bed, files [3]string) {
	b.t.Helper()
	for _, name := range files {
		if content, err := os.ReadFile(other.path(name)); err == nil && name != "" {
			b.write(name, string(content))
		}
	}
}

func compareVerity(t *testing.T, number int, r *rand.Rand, s veritySet, ours, peer tool) string {
	t.Helper()
	mine, theirs := newBed(t), newBed(t)
	defer mine.remove()
	defer theirs.remove()
	randomFile(mine, "data", r, s.dataBytes)
	s.reach(mine)
	theirs.copyFrom(mine, s.files)
	a, b := mine.run(ours, s.format()...), theirs.run(peer, s.format()...)
	say := fmt.Sprintf("set %d (%s): %s", number, peer.name, strings.Join(s.format(), " "))
	if known := knownRefusal(b.stderr); b.code == 1 && a.code == 0 && known != "" {
		return "refused by veritysetup alone: " + known
	}
	if a.code == 1 && b.code == 0 && s.treeInData() && strings.Contains(a.stderr, "Data area overlaps with hash area.") {
		return "refused here alone: their tree goes over the data in its first hash block"
	}
	if a.code == 1 && b.code == 0 && strings.Contains(a.stderr, "Hash area overlaps with FEC area.") {
		return "refused here alone: their parity goes over the tree"
	}
	if a.code != b.code {
		t.Errorf("%s\nexit %d, theirs %d\n%s\n%s", say, a.code, b.code, a.stderr, b.stderr)
		return differing
	}
	if a.code != 0 {
		return refusedByBoth
	}
	if s.files[2] != "" && len(theirs.read(s.files[2])) == 0 && len(mine.read(s.files[2])) > 0 {
		return "a single block with its superblock behind it: their parity covers nothing"
	}
	for _, name := range s.files {
		if name != "" && mine.sum(name) != theirs.sum(name) {
			t.Errorf("%s\n%s differs: %d and %d bytes", say, name, len(mine.read(name)), len(theirs.read(name)))
		}
	}
	root := rootLine.FindStringSubmatch(a.stdout)
	if other := rootLine.FindStringSubmatch(b.stdout); root == nil || other == nil || root[1] != other[1] {
		t.Errorf("%s\nroot hashes %v and %v", say, root, other)
		return differing
	}
	verdicts(t, say, mine, theirs, s.verify(root[1]), ours, peer, 0)
	damaged := spoil(r, mine, s)
	theirs.copyFrom(mine, s.files)
	if verdicts(t, say+" after damage to "+damaged, mine, theirs, s.verify(root[1]), ours, peer, -1) {
		return madeByBoth + lenientVerify
	}
	return madeByBoth
}

// lenientVerify is the one difference of verdicts: after damage veritysetup's exit status is 0 where FEC decodes.
const lenientVerify = "; once damaged, corrupt for us and good for veritysetup, as FEC could repair it"

// otherWords tells of what is said in others, with the same exit code.
func otherWords(line string) bool {
	return strings.HasPrefix(line, "Spare area") || strings.HasPrefix(line, "Unsupported VERITY hash type -") ||
		line == "Device offset overflow."
}

// treeInData: the tree without a superblock goes to the data's file, into a hash block in which data lie.
func (s veritySet) treeInData() bool {
	f := s.format()
	at := slices.Index(f, "--hash-offset")
	size := slices.Index(f, "--hash-block-size")
	if at < 0 || size < 0 || s.files[0] != s.files[1] || !slices.Contains(f, "--no-superblock") {
		return false
	}
	offset, err := strconv.Atoi(f[at+1])
	block, err2 := strconv.Atoi(f[size+1])
	return err == nil && err2 == nil && offset%block != 0
}

// knownRefusal is why a release refuses what is no mistake: its build lacks an old hash, or it cannot write a
// superblock that does not begin at one of its blocks where there is no tree behind it.
func knownRefusal(stderr string) string {
	for _, said := range []string{
		"Hash algorithm whirlpool not supported.", "Hash algorithm ripemd160 not supported.",
		"Error during update of verity header",
	} {
		if strings.Contains(stderr, said) {
			return said
		}
	}
	return ""
}

// spoil changes one byte of one file.
func spoil(r *rand.Rand, b *bed, s veritySet) string {
	name := pick(r, s.files[0], s.files[0], s.files[1])
	if s.files[2] != "" && r.IntN(5) == 0 {
		name = s.files[2]
	}
	content := b.read(name)
	if len(content) == 0 {
		return "nothing"
	}
	at := r.IntN(len(content))
	content[at] ^= byte(1 + r.IntN(255))
	b.write(name, string(content))
	return fmt.Sprintf("byte %d of %s", at, name)
}

// verdicts compares what both say of the same files. Differences that are meant: veritysetup calls data good that its
// FEC could repair, or where the FEC decodes to whatever is there; we say that they are corrupt. It says nothing of a part
// of a block behind the data, which nothing protects. It prints a hash type
// that cannot be as a number below zero.
// It tells whether that was so.
func verdicts(
	t *testing.T, say string, mine, theirs *bed, args []string, ours, peer tool, want int,
) (lenient bool) {
	t.Helper()
	a, b := mine.run(ours, args...), theirs.run(peer, args...)
	tail := b.code == 0 && a.code == 2 && strings.Contains(a.stderr, " are no whole block and are not protected.")
	lenient = b.code == 0 && a.code == 2 && strings.Contains(b.stderr, "Verification ")
	if a.code != b.code && !lenient && !tail || want == 0 && a.code != 0 && !tail {
		t.Errorf("%s\nverify: exit %d, theirs %d\n%s\n%s", say, a.code, b.code, a.stderr, b.stderr)
	}
	for _, line := range strings.Split(b.stderr, "\n") {
		if otherWords(line) {
			continue
		}
		if !strings.Contains(a.stderr, line) {
			t.Errorf("%s\nverify: they say %q, we say\n%s", say, line, a.stderr)
		}
	}
	return lenient
}
