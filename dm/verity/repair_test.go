// SPDX-License-Identifier: Apache-2.0

package verity_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"flag"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/verity"
)

// Random damages: how many, and from which number on. A run of 100,000 can be cut into slices.
var (
	damages = flag.Int("damages", 600, "random damages to try")
	from    = flag.Int("damages-from", 0, "number of the first one")
)

// geometries are small images in which every part of the code is passed: several levels, several rounds, a tail.
func geometries(t *testing.T) []*sample {
	r := rand.New(rand.NewPCG(20, 20))
	large := params(90)
	large.DataBlockSize, large.HashBlockSize, large.Algorithm = 1024, 1024, "sha1"
	old := params(300)
	old.Format = 0
	return []*sample{
		newSample(t, r, params(600), 2, 3),
		newSample(t, r, params(40), 24, 0),
		newSample(t, r, params(700), 3, 0),
		newSample(t, r, large, 5, 1),
		newSample(t, r, old, 2, 0),
		newSample(t, r, params(1), 2, 0),
		newSample(t, r, params(17), 0, 0),
	}
}

// hurt changes random parts of an image, and says how.
func hurt(r *rand.Rand, s *sample) (how string) {
	parts := []struct {
		name   string
		device *memory
	}{{"data", s.data}, {"hash", s.hash}, {"fec", s.fec}}
	for _, part := range parts {
		if len(part.device.bytes) == 0 || r.IntN(2) == 0 {
			continue
		}
		for range 1 + r.IntN(3) {
			how += " " + part.name
			strike(r, part.device, s.burst(r))
		}
	}
	if how == "" || r.IntN(4) == 0 {
		how += " superblock"
		strikeSuperblock(r, s.hash.bytes[:verity.SuperblockSize])
	}
	return how
}

// strikeSuperblock writes another number of blocks that fits the data, or damages a field, or any bytes.
func strikeSuperblock(r *rand.Rand, raw []byte) {
	switch r.IntN(4) {
	case 0:
		blocks := binary.LittleEndian.Uint64(raw[72:])
		binary.LittleEndian.PutUint64(raw[72:], 1+r.Uint64N(blocks))
	case 1:
		size := []int{64, 68}[r.IntN(2)]
		binary.LittleEndian.PutUint32(raw[size:], 512<<r.IntN(4))
	case 2:
		field := []int{0, 8, 12, 32, 64, 68, 72, 80, 88}[r.IntN(9)]
		raw[field+r.IntN(4)] ^= 1 << r.IntN(8)
	default:
		strike(r, &memory{bytes: raw}, 1+r.IntN(100))
	}
}

// burst is a length in bytes: one byte, some, a block, or about what the code can repair.
func (s *sample) burst(r *rand.Rand) int {
	block := int(s.params.DataBlockSize)
	rounds := len(s.fec.bytes) / max(1, s.roots*block)
	switch r.IntN(4) {
	case 0:
		return 1
	case 1:
		return 1 + r.IntN(100)
	case 2:
		return block
	}
	limit := rounds * max(1, s.roots/(1+r.IntN(2))) * block
	return max(1, limit+(r.IntN(3)-1)*block)
}

func strike(r *rand.Rand, device *memory, n int) {
	at := r.IntN(len(device.bytes))
	if r.IntN(2) == 0 {
		at &^= 511
	}
	for i := at; i < min(at+n, len(device.bytes)); i++ {
		device.bytes[i] ^= byte(1 + r.IntN(255))
	}
}

// blocksOf counts the blocks in which a device differs, by their round of the code, offset blocks into the message.
func blocksOf(sound, damaged []byte, size int, offset, rounds uint64, count map[uint64]int) {
	for b := 0; b*size < len(sound); b++ {
		end := min((b+1)*size, len(sound))
		if !bytes.Equal(sound[b*size:end], damaged[b*size:end]) {
			count[(offset+uint64(b))%rounds]++
		}
	}
}

// correctable: at most half as many blocks of each round are bad as there are parity bytes, and no parity. Then the
// code repairs them, wherever they are.
func correctable(t *testing.T, sound, damaged *sample) bool {
	layout, err := sound.image().Layout()
	if err != nil {
		t.Fatal(err)
	}
	size := int(sound.params.DataBlockSize)
	count := map[uint64]int{}
	blocksOf(sound.data.bytes, damaged.data.bytes, size, 0, layout.Rounds, count)
	skip := int(sound.first) * size
	blocksOf(sound.hash.bytes[skip:], damaged.hash.bytes[skip:], size, sound.params.DataBlocks, layout.Rounds, count)
	for _, n := range count {
		if n > sound.roots/2 {
			return false
		}
	}
	return bytes.Equal(sound.fec.bytes, damaged.fec.bytes)
}

// treeEnd is where the tree ends on the hash device, in bytes.
func (s *sample) treeEnd(t *testing.T) int {
	tree, err := s.params.Tree()
	if err != nil {
		t.Fatal(err)
	}
	return int(s.first+tree.Blocks) * int(s.params.HashBlockSize)
}

func TestNoDamageIsOverlookedAndNoRepairIsWrong(t *testing.T) {
	all := geometries(t)
	repaired, hopeless := 0, 0
	for number := *from; number < *from+*damages; number++ {
		r := rand.New(rand.NewPCG(uint64(number), 21))
		sound := all[number%len(all)]
		damaged := sound.clone()
		how := hurt(r, damaged)
		if judgeDamage(t, number, how, sound, damaged) {
			repaired++
		} else {
			hopeless++
		}
	}
	t.Logf("%d good or repaired, %d not", repaired, hopeless)
}

func judgeDamage(t *testing.T, number int, how string, sound, damaged *sample) bool {
	t.Helper()
	ctx := context.Background()
	switch readable, same := damaged.reread(); {
	case !readable:
		return false // found
	case !same:
		return judgeOther(t, number, how, sound, damaged)
	}
	end, start := sound.treeEnd(t), int(sound.first)*int(sound.params.HashBlockSize)
	same := bytes.Equal(sound.data.bytes, damaged.data.bytes) &&
		bytes.Equal(sound.hash.bytes[start:end], damaged.hash.bytes[start:end])
	out := verity.Output{
		Data: &memory{bytes: make([]byte, len(sound.data.bytes))}, Hash: damaged.hash.clone(),
	}
	repair, err := damaged.image().Repair(ctx, sound.root, out)
	if err != nil {
		t.Fatalf("damage %d (%s): %v", number, how, err)
	}
	if repair.Found.None() != same {
		t.Fatalf("damage %d (%s): found %v, the bytes are the same: %v", number, how, repair.Found, same)
	}
	if sound.roots > 0 && correctable(t, sound, damaged) && !repair.Good() {
		t.Fatalf("damage %d (%s): within the limit and not repaired", number, how)
	}
	if !repair.Good() {
		return false
	}
	if !bytes.Equal(out.Data.(*memory).bytes, sound.data.bytes) ||
		!bytes.Equal(out.Hash.(*memory).bytes[start:end], sound.hash.bytes[start:end]) {
		t.Fatalf("damage %d (%s): called good, and is not what it was", number, how)
	}
	return true
}

// reread takes the parameters from the superblock, as a program does: it finds none that can be, more data than there
// are, the same ones as before, or others.
func (s *sample) reread() (readable, same bool) {
	sb, err := verity.ReadSuperblock(s.hash, 0)
	if err != nil || sb.DataSize() > int64(len(s.data.bytes)) {
		return false, false
	}
	sb.Algorithm = strings.ToLower(sb.Algorithm)
	was := s.params
	s.params, s.first = sb.Params, sb.FirstBlock(0, true)
	return true, reflect.DeepEqual(was, sb.Params)
}

// judgeOther expects that an image is not called good with parameters that are not its own, unless its data are all
// there and right: a single block has no tree, so that the size of hash blocks does not matter.
func judgeOther(t *testing.T, number int, how string, sound, damaged *sample) bool {
	t.Helper()
	out := &memory{bytes: make([]byte, len(damaged.data.bytes))}
	repair, err := damaged.image().Repair(context.Background(), sound.root, verity.Output{Data: out})
	if err != nil || !repair.Good() {
		return false
	}
	if damaged.params.DataSize() != sound.params.DataSize() || !bytes.Equal(out.bytes, sound.data.bytes) {
		t.Fatalf("damage %d (%s): called good with %+v", number, how, damaged.params)
	}
	return true
}

// A burst of as many blocks as the parity has is at the limit of what can be repaired once hashes tell the places.
func TestTheLongestBurstIsRepairedAndOneBlockMoreIsNot(t *testing.T) {
	for _, roots := range []int{2, 3, 24} {
		sound := newSample(t, rand.New(rand.NewPCG(22, uint64(roots))), params(600), roots, 0)
		layout, err := sound.image().Layout()
		if err != nil {
			t.Fatal(err)
		}
		limit := int(layout.Rounds) * roots
		for _, blocks := range []int{limit, limit + 1} {
			damaged := sound.clone()
			strikeAll(damaged.data.bytes[7*512:][:blocks*512])
			out := &memory{bytes: make([]byte, len(sound.data.bytes))}
			repair, err := damaged.image().Repair(context.Background(), sound.root, verity.Output{Data: out})
			if err != nil || repair.Found.Data.Len() != uint64(blocks) {
				t.Fatalf("%d roots, %d blocks: found %d, %v", roots, blocks, repair.Found.Data.Len(), err)
			}
			if repair.Good() != (blocks == limit) {
				t.Errorf("%d roots, %d of %d blocks: good: %v", roots, blocks, limit, repair.Good())
			}
			if repair.Good() && !bytes.Equal(out.bytes, sound.data.bytes) {
				t.Errorf("%d roots: the repaired data are not what they were", roots)
			}
		}
	}
}

func strikeAll(p []byte) {
	for i := range p {
		p[i] ^= 0x5a
	}
}

// Whoever can write data can write parity: what then decodes without an error is still not what was hashed.
func TestDataWithMatchingParityAreNotGood(t *testing.T) {
	s := newSample(t, rand.New(rand.NewPCG(23, 23)), params(600), 2, 0)
	s.data.bytes[1000] ^= 1
	if err := s.image().EncodeFEC(context.Background(), s.fec); err != nil {
		t.Fatal(err)
	}
	parity, err := s.image().CheckFEC(context.Background())
	if err != nil || *parity != (verity.Parity{}) {
		t.Fatalf("parity %+v, %v: the forgery is no forgery", parity, err)
	}
	repair, err := s.image().Repair(context.Background(), s.root, verity.Output{})
	if err != nil || repair.Good() || repair.Left.Data.Len() != 1 {
		t.Errorf("repair %+v, %v", repair, err)
	}
}

func TestUnreadableBlocksAreRepaired(t *testing.T) {
	sound := newSample(t, rand.New(rand.NewPCG(24, 24)), params(600), 2, 0)
	damaged := sound.clone()
	damaged.data.bad = []int64{700, 100000}
	damaged.hash.bad = []int64{1200}
	out := &memory{bytes: make([]byte, len(sound.data.bytes))}
	repair, err := damaged.image().Repair(context.Background(), sound.root, verity.Output{Data: out})
	if err != nil || !repair.Good() || !bytes.Equal(out.bytes, sound.data.bytes) {
		t.Fatalf("repair %+v, %v", repair, err)
	}
	if bad := repair.Found.Unread(); bad == nil || !errors.Is(bad, errMedium) || bad.Level >= 0 && bad.Offset != 1024 ||
		bad.Level < 0 && bad.Offset != 512 && bad.Offset != 99840 {
		t.Errorf("unread: %+v", bad)
	}
	damaged.data.bad, damaged.hash.bad = nil, nil
	damaged.data.bytes = damaged.data.bytes[:1000]
	found, err := damaged.image().Verify(context.Background(), sound.root)
	if err != nil || found.None() || found.Unread() != nil {
		t.Errorf("data cut short: %+v, %v: what is not there is not what cannot be read", found.Unread(), err)
	}
}

// The data and the root hash are enough to make the tree again.
func TestALostTreeIsMadeAgainFromTheData(t *testing.T) {
	sound := newSample(t, rand.New(rand.NewPCG(25, 25)), params(600), 0, 0)
	damaged := sound.clone()
	strikeAll(damaged.hash.bytes)
	out := damaged.hash.clone()
	repair, err := damaged.image().Repair(context.Background(), sound.root, verity.Output{Hash: out})
	if err != nil || !repair.Good() {
		t.Fatalf("repair %+v, %v", repair, err)
	}
	start, end := int(sound.first)*512, sound.treeEnd(t)
	if !bytes.Equal(out.bytes[start:end], sound.hash.bytes[start:end]) {
		t.Error("the tree is not what it was")
	}
}

func TestAnotherRootHashIsNotCalledDamageOfTheData(t *testing.T) {
	for _, blocks := range []uint64{1, 600} {
		s := newSample(t, rand.New(rand.NewPCG(26, 26)), params(blocks), 2, 0)
		s.root[3] ^= 1
		damage, err := s.image().Verify(context.Background(), s.root)
		if err != nil || damage.None() || !damage.RootOnly() {
			t.Errorf("%d blocks: %+v, %v", blocks, damage, err)
		}
		repair, err := s.image().Repair(context.Background(), s.root, verity.Output{})
		if err != nil || repair.Good() || repair.Unproven != blocks && blocks > 1 {
			t.Errorf("%d blocks: repair %+v, %v", blocks, repair, err)
		}
	}
}

// A superblock or an option names fewer blocks than were hashed: all hashes are right, and nobody looks at the last
// blocks.
func TestARootHashOfMoreDataIsNotGood(t *testing.T) {
	sound := newSample(t, rand.New(rand.NewPCG(27, 27)), params(600), 2, 0)
	for _, blocks := range []uint64{599, 593, 592, 300, 1} {
		s := sound.clone()
		s.params.DataBlocks = blocks
		damage, err := s.image().Verify(context.Background(), s.root)
		if err != nil || damage.None() {
			t.Errorf("%d blocks: %+v, %v", blocks, damage, err)
		}
		if blocks > 592 && (damage.Data.Len() > 0 || !damage.Larger()) {
			t.Errorf("%d blocks: the hashes are right, found %+v", blocks, damage)
		}
		repair, err := s.image().Repair(context.Background(), s.root, verity.Output{})
		if err != nil || repair.Good() {
			t.Errorf("%d blocks: repair %+v, %v", blocks, repair, err)
		}
	}
}
