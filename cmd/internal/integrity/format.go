// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"context"
	"crypto/rand"
	"math"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// formatDevice lays a device out and writes what the kernel would write.
func (r *run) formatDevice(ctx context.Context) error {
	if r.inline {
		return setup.Failure(ui.Failed,
			"Inline mode is formatted by the kernel alone, which this program does not ask for.")
	}
	if err := r.readAlgorithms(ctx); err != nil {
		return err
	}
	params, err := r.params()
	if err != nil {
		return err
	}
	devices, err := r.openPair(block.ReadWrite | block.Exclusive)
	if err != nil {
		return err
	}
	defer devices.close()
	l, err := params.Plan(devices.dataSectors(), devices.metaSectors())
	if err != nil {
		return explainField(err, r.args[0])
	}
	if l.Flags&integrity.FixHMAC != 0 {
		_, _ = rand.Read(l.Salt[:]) // it never fails
	}
	old := r.signatures(devices.meta)
	text := "This will overwrite data on " + r.args[0] + " irrevocably."
	if r.dataDevice != "" {
		text = "This will overwrite data on " + r.dataDevice + " and " + r.args[0] + " irrevocably."
	}
	if err := r.ui.Confirm(ctx, ui.Confirmation{Text: text}); err != nil {
		return err
	}
	return r.write(ctx, devices, l, old)
}

// params are those that the command line names.
func (r *run) params() (*integrity.Params, error) {
	digest := integrity.DigestSize(r.keys.hash.Name)
	if digest == 0 {
		return nil, explainField(r.keys.hash.Check(), r.args[0])
	}
	tag := digest
	if r.given["tag-size"] {
		tag = int(min(r.tagSize, math.MaxUint16))
		if tag != digest {
			r.ui.Errorf("WARNING: Requested tag size %d bytes differs from %s size output (%d "+
				"bytes).", tag, r.hash, digest)
		}
	}
	const inRange = math.MaxUint32
	if r.interleave > inRange || r.buffer > inRange {
		return nil, setup.Failure(ui.Failed, "Invalid number of sectors.")
	}
	return &integrity.Params{
		TagSize: tag, BlockSize: int(min(r.sectorSize, 1<<20)), JournalSectors: r.journalSize / integrity.SectorSize,
		InterleaveSectors: uint32(r.interleave), BufferSectors: uint32(r.buffer), Separate: r.dataDevice != "",
		InternalHash: true, JournalMAC: r.mac != "", FixPadding: !r.legacyPadding, FixHMAC: !r.legacyHMAC,
	}, nil
}

// signatures lists what is on a device, and tells it.
func (r *run) signatures(d *block.Device) []signature.Signature {
	if r.disableBlkid {
		return nil
	}
	found, err := signature.Detect(d, d.Size())
	if err != nil {
		r.ui.Debugf("signatures: %v", err)
	}
	seen := map[string]bool{}
	for _, s := range found {
		what := "superblock signature"
		if s.Usage == signature.PartitionTable {
			what = "partition signature"
		}
		switch {
		case r.batch:
			r.ui.Verbosef("Existing '%s' %s on device %s will be wiped.", s.Kind, what, d.Path())
		case !seen[s.Kind] && !s.Backup && !s.Damaged:
			r.ui.Printf("WARNING: Device %s already contains a '%s' %s.", d.Path(), s.Kind, what)
		}
		seen[s.Kind] = true
	}
	return found
}

func (r *run) write(ctx context.Context, devices *pair, l *integrity.Layout, old []signature.Signature) error {
	f := integrity.Format{Layout: l, Data: devices.data, Meta: devices.meta, Keys: r.keys.journal()}
	for _, s := range old {
		if err := devices.meta.ZeroRange(s.Offset, int64(s.MagicLength)); err != nil {
			return err
		}
	}
	if !r.batch {
		r.ui.Printf("Formatted with tag size %d, internal integrity %s.", l.TagSize, r.keys.hash.Name)
	}
	if !r.noWipe {
		f.Hash, f.Zero = r.keys.hash, zero(devices.data)
		if !r.batch {
			r.ui.Printf("Wiping device to initialize integrity checksum.")
		}
		f.Progress = r.progress(devices.data.Path(), int64(l.ProvidedSectors)*integrity.SectorSize, "")
	}
	return explainField(f.Run(ctx), r.args[0])
}

// progress reports how far a long work is, where somebody sees it or has asked for it.
func (r *run) progress(path string, total int64, done string) func(int64) {
	asked := r.progressFrequency != 0 || r.progressJSON
	if !asked && (r.batch || !r.ui.ErrorsOnTerminal()) {
		return nil
	}
	out := r.ui.Err
	if asked {
		out = r.ui.Out
	}
	p := &ui.Progress{
		Out: out, Device: path, Total: uint64(total), Done: done, JSON: r.progressJSON, Fit: r.ui.Own,
		Frequency: time.Duration(min(r.progressFrequency, 1<<30)) * time.Second,
	}
	p.Start()
	return func(n int64) { p.Update(uint64(n)) }
}
