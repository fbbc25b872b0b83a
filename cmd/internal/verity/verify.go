// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"context"
	"fmt"
	"math"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/verity"
)

// The verdicts of verify. Only the first two end with exit status 0.
const (
	verdictGood     = "verified"
	verdictRepaired = "repaired"         // the written copy is verified
	verdictCan      = "repairable"       // corrupt; the parity leads to data that give the root hash
	verdictRoot     = "wrong root"       // data and tree fit each other, and do not give the root hash
	verdictCorrupt  = "corrupt"          // corrupt, and not to be repaired
	verdictParity   = "bad parity"       // the data are good, their parity is not
	verdictTree     = "bad tree"         // the data give the root hash, and the tree on the hash device does not
	verdictTail     = "unprotected tail" // the blocks are good, and behind them is a part of one that no hash covers
	verdictLarger   = "more data"        // the root hash is that of more data than are there or named
)

// verdict is what verify reports.
type verdict struct {
	Data     string     `json:"data_device"`
	Verdict  string     `json:"verdict"`
	Bad      []badRange `json:"bad,omitempty"`
	More     uint64     `json:"more_bad_ranges,omitempty"` // that are not listed
	BadData  uint64     `json:"bad_data_blocks"`
	BadHash  uint64     `json:"bad_hash_blocks"`
	Lost     uint64     `json:"lost_data_blocks"`     // that FEC cannot bring back
	Unproven uint64     `json:"unproven_data_blocks"` // that nothing can judge, as hash blocks are lost
	Bytes    uint64     `json:"repaired_bytes"`
	Repair   string     `json:"repaired_to,omitempty"`
	Content  *onFiles   `json:"content,omitempty"` // with --where
	RootHash string     `json:"root_hash"`
	DataUUID string     `json:"data_partition_uuid,omitempty"`
	HashUUID string     `json:"hash_partition_uuid,omitempty"`
}

// badRange is a run of bad blocks.
type badRange struct {
	Level  int    `json:"level"`  // -1: data; else the level of the tree
	Offset int64  `json:"offset"` // bytes, on the data or hash device
	Block  uint64 `json:"block"`  // of the data or the level
	Blocks uint64 `json:"blocks"`
}

// listed is how many ranges a report names.
const listed = 10000

// verifyImage tells whether data give a root hash, and repairs them into other files where asked to.
func (r *run) verifyImage(ctx context.Context) error {
	if err := r.needRoot(2); err != nil {
		return err
	}
	im, err := r.load(r.args[0], r.args[1])
	if err != nil {
		return err
	}
	defer im.close()
	root, err := r.root(2, im.DigestSize())
	if err != nil {
		return err
	}
	im.root = root
	v := im.verity(r)
	if err := r.checkMissing(im, v); err != nil {
		return err
	}
	v.Progress = r.progress(im.data.path, im.DataSize(), "verified")
	out, err := r.openRepair(im)
	if err != nil {
		return err
	}
	defer out.close()
	repair, err := v.Repair(ctx, root, out.output())
	if err != nil {
		return firstError(err, out.discard())
	}
	return r.judge(ctx, im, v, repair, out)
}

// by is what data could be repaired by, and are not.
func by(im *image) string {
	if im.fec == nil {
		return "without FEC data (--fec-device)"
	}
	return fmt.Sprintf("by this FEC data with %d roots (--fec-roots)", im.roots)
}

// judgeTail tells whether a part of a block lies behind the data, which no hash covers: whatever it is, it is not
// verified.
func (r *run) judgeTail(im *image) ui.ExitCode {
	rest := max(0, im.data.size-im.DataSize()) % int64(im.DataBlockSize)
	if rest == 0 || im.data.same(im.hash) {
		return ui.OK
	}
	r.ui.Errorf("The last %d bytes of %s are no whole block and are not protected.", rest, im.data.path)
	return ui.Denied
}

// judge says what was found, and finishes or discards the repaired files.
func (r *run) judge(ctx context.Context, im *image, v *verity.Image, repair *verity.Repair, out *repairFiles) error {
	res := &verdict{
		Data: im.data.path, Verdict: verdictGood, BadData: repair.Found.Data.Len(), BadHash: hashBlocks(repair.Found),
		Lost: lostData(repair.Left), Unproven: repair.Unproven, Bytes: repair.Bytes,
	}
	r.list(res, im, repair.Found)
	var code ui.ExitCode
	if repair.Found.None() {
		if r.checkFEC && im.fec != nil {
			code = r.judgeParity(ctx, v, res)
		}
	} else {
		r.tellFirst(im, v, repair.Found)
		r.tellUnread(im, repair.Found)
		code = r.judgeDamage(ctx, im, v, repair, res)
	}
	mended := repair.Good() && !repair.Found.None()
	if code == ui.OK || mended {
		if err := out.finish(); err != nil {
			return err
		}
		if out.any() && mended {
			res.Verdict, code = verdictRepaired, ui.OK
			r.ui.Errorf("The repaired copy is verified.")
			if repair.Data > 0 && r.repair == "" {
				code = ui.Denied
				r.ui.Errorf("The data stay corrupt: --repair FILE writes them repaired.")
			}
		}
	} else if err := out.discard(); err != nil {
		return err
	}
	if tail := r.judgeTail(im); code == ui.OK && tail != ui.OK {
		code = tail
		if res.Verdict == verdictGood {
			res.Verdict = verdictTail
		}
	}
	res.Repair = r.repair
	if r.where && res.BadData > 0 {
		res.Content = r.whoseBlocks(im, v, &repair.Found.Data, res.Verdict == verdictRepaired)
	}
	if err := r.report(im, res, code); err != nil {
		return err
	}
	if code != ui.OK {
		return setup.Silent(code)
	}
	return nil
}

// report says to programs what was found, or to people what they ask for.
func (r *run) report(im *image, res *verdict, code ui.ExitCode) error {
	h, err := r.header(im, im.root)
	if err != nil {
		return err
	}
	res.RootHash, res.DataUUID, res.HashUUID = h.RootHash, h.RootUUID, h.HashUUID
	if r.json {
		return r.printJSON(res)
	}
	if r.where {
		r.printWhere(res)
	}
	if r.partitionUUIDs && code == ui.OK {
		return r.printUUIDs(h)
	}
	return nil
}

// lostData counts data blocks that are known to be wrong.
func lostData(left *verity.Damage) (n uint64) {
	for block := range left.Data.All() {
		if left.Proven(-1, block) {
			n++
		}
	}
	return n
}

func hashBlocks(d *verity.Damage) uint64 {
	n := uint64(0)
	for i := range d.Tree {
		n += d.Tree[i].Len()
	}
	return n
}

// position is where a block of a level (-1: the data) lies on its device.
func (im *image) position(level int, block uint64) int64 {
	if level < 0 {
		return int64(block) * int64(im.DataBlockSize)
	}
	tree, err := im.Tree()
	if err != nil {
		return 0
	}
	return int64(im.first+tree.Levels[level].Start+block) * int64(im.HashBlockSize)
}

// tellFirst says of the first bad block what veritysetup says, which goes from the data upwards.
func (r *run) tellFirst(im *image, v *verity.Image, found *verity.Damage) {
	if found.RootOnly() {
		if at, dirty := spareOfTop(v, found); dirty {
			r.ui.Errorf("Spare area is not zeroed at position %d.", at)
			r.ui.Errorf("Verification of data area failed.")
			return
		}
		r.ui.Errorf("Verification of root hash failed.")
		return
	}
	if at, only := firstStray(v, found); only {
		r.ui.Errorf("Spare area is not zeroed at position %d.", at)
		r.ui.Errorf("Verification of data area failed.")
		return
	}
	level := -1
	block, bad := found.Data.First()
	for i := 0; !bad && i < len(found.Tree); i++ {
		level = i
		block, bad = found.Tree[i].First()
	}
	r.ui.Errorf("Verification failed at position %d.", im.position(level, block))
	r.ui.Errorf("Verification of data area failed.")
}

// tellUnread says that the disk is what fails, where it is.
func (r *run) tellUnread(im *image, found *verity.Damage) {
	if bad := found.Unread(); bad != nil {
		from := im.data
		if bad.Level >= 0 {
			from = im.hash
		}
		r.ui.Errorf("Byte %d of %s cannot be read: %s.", bad.Offset, from.path, causeOf(bad.Err))
	}
}

// spareOfTop tells whether the top block is wrong where it holds no digests.
func spareOfTop(v *verity.Image, found *verity.Damage) (at int64, dirty bool) {
	if len(found.Tree) == 0 {
		return 0, false
	}
	at, dirty, err := v.Spare(len(found.Tree)-1, 0)
	return at, err == nil && dirty
}

// firstStray is where a hash block holds what is no digest; false where blocks of another hash are there too.
func firstStray(v *verity.Image, found *verity.Damage) (at int64, only bool) {
	if found.Data.Len() > 0 || hashBlocks(found) > 0 {
		return 0, false
	}
	for level := range found.Stray {
		if block, stray := found.Stray[level].First(); stray {
			at, _, err := v.Spare(level, block)
			return at, err == nil
		}
	}
	return 0, false
}

// judgeDamage says whether corrupt data can be repaired.
func (r *run) judgeDamage(
	ctx context.Context, im *image, v *verity.Image, repair *verity.Repair, res *verdict,
) ui.ExitCode {
	// What can be repaired has been proven, which is more than the parity can tell: veritysetup's words for that are
	// left to its name, and to who asks for them.
	proven := repair.Good() && (r.repair != "" || r.repairHash != "" || r.ui.Own)
	if im.fec != nil && (!proven || r.checkFEC) {
		r.tellParity(ctx, v)
	}
	rootOnly := repair.Found.RootOnly()
	switch {
	case repair.Good() && repair.Data == 0:
		res.Verdict = verdictTree
		if r.repair == "" && r.repairHash == "" {
			r.ui.Errorf("The data are good: all of them give the root hash. The tree on %s is not theirs any more "+
				"(--repair-hash FILE).", im.hash.path)
		}
	case repair.Good():
		res.Verdict = verdictCan
		if r.repair == "" && r.repairHash == "" {
			r.ui.Errorf("The data are corrupt: they can be repaired (--repair FILE), %d bytes, and would then give "+
				"the root hash.", repair.Bytes)
		}
	case rootOnly:
		res.Verdict = verdictRoot
		if _, dirty := spareOfTop(v, repair.Found); im.fec == nil && !dirty {
			return ui.Failed
		}
	case repair.Left.Larger():
		res.Verdict = verdictLarger
		r.ui.Errorf("The root hash is that of more data than the %d blocks that are named: what lies behind them is "+
			"not verified.", im.DataBlocks)
	default:
		res.Verdict = verdictCorrupt
		lost := res.Lost + hashBlocks(repair.Left)
		r.ui.Errorf("The data are corrupt and cannot be repaired %s: %d blocks are lost.", by(im), lost)
		if res.Unproven > 0 {
			r.ui.Errorf("%d blocks of data cannot be judged, as the hashes above them are lost.", res.Unproven)
		}
		if im.unreadable(repair.Found) {
			return ui.Failed
		}
	}
	return ui.Denied
}

// tellParity says what veritysetup says of the parity on its own.
func (r *run) tellParity(ctx context.Context, v *verity.Image) {
	parity, err := v.CheckFEC(ctx)
	switch {
	case err != nil:
		r.ui.Errorf("%v", err)
	case parity.Hopeless > 0:
		r.ui.Errorf("Failed to repair parity for block %d.", parity.FirstRound)
		r.ui.Errorf("Errors cannot be repaired with FEC device.")
	case parity.Wrong > 0:
		r.ui.Errorf("Found %d repairable errors with FEC device.", parity.Wrong)
	default:
		r.ui.Errorf("The FEC data fit data and tree as they are: they were made for these, or it is the root hash or " +
			"the superblock that is not theirs.")
	}
}

// judgeParity compares good data with their parity.
func (r *run) judgeParity(ctx context.Context, v *verity.Image, res *verdict) ui.ExitCode {
	parity, err := v.CheckFEC(ctx)
	if err == nil && *parity == (verity.Parity{}) {
		return ui.OK
	}
	res.Verdict = verdictParity
	if err != nil {
		r.ui.Errorf("%v", err)
	} else {
		wrong := parity.Wrong + parity.Hopeless
		r.ui.Errorf("The data are good, and %d bytes of the FEC data or behind the tree are not.", wrong)
	}
	return ui.Denied
}

// list puts the bad blocks into the report.
func (r *run) list(res *verdict, im *image, found *verity.Damage) {
	add := func(level int, set *verity.Set) {
		for first, blocks := range set.Runs() {
			if len(res.Bad) == listed {
				res.More++
				continue
			}
			res.Bad = append(res.Bad, badRange{level, im.position(level, first), first, blocks})
		}
	}
	if !r.where && !r.json {
		return
	}
	add(-1, &found.Data)
	for i := range found.Tree {
		add(i, &found.Tree[i])
	}
}

// printWhere names bad blocks on standard output, a line for each run of them.
func (r *run) printWhere(res *verdict) {
	for _, b := range res.Bad {
		what := "data"
		if b.Level >= 0 {
			what = fmt.Sprintf("tree level %d", b.Level)
		}
		r.ui.Printf("%s: block %d, %d blocks, from byte %d", what, b.Block, b.Blocks, b.Offset)
	}
	if res.Content != nil {
		r.printFiles(res.Content)
	}
	if res.More > 0 {
		r.ui.Printf("and %d more runs of blocks", min(res.More, math.MaxInt64))
	}
}
