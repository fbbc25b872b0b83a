// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// config is a slice of all crash states or, in the long run, all of them and a million at least.
func config(t *testing.T) crash.Config {
	t.Helper()
	c := crash.Config{Seed: 1, Images: part.Count(t, "drawn images", 1000000, 1000)}
	if !part.Whole() {
		c.Thin = 397
	}
	return c
}

func table(t *testing.T, r *crash.Report) string {
	t.Helper()
	var b strings.Builder
	if err := r.WriteTable(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestOperationsKeepTheirInvariants(t *testing.T) {
	operations, err := All()
	if err != nil {
		t.Fatal(err)
	}
	report, err := crash.Run(context.Background(), operations, config(t))
	if err != nil {
		t.Fatal(err)
	}
	if report.Broken() > 0 {
		t.Fatal("invariants broken:\n" + table(t, report))
	}
	t.Log("\n" + table(t, report))
}

// flagged plans an update of the JSON.
func flagged(v *luks.Volume) (header.Plan, error) {
	next := v.Choice.Copy
	next.Metadata = next.Metadata.Clone()
	next.Metadata.SetFlags(target.AllowDiscards.Kept())
	return header.PlanUpdate(v.Heads, v.Choice, next, rand.Reader)
}

// unflushed updates both heads without a flush between them.
func unflushed(v *luks.Volume, _ *luks.Key) error {
	plan, err := flagged(v)
	if err != nil {
		return err
	}
	for _, w := range plan.Writes {
		if _, err := v.Device().WriteAt(w.Bytes, int64(w.Offset)); err != nil {
			return err
		}
	}
	return v.Device().Sync()
}

// secondaryIgnored updates the primary alone.
func secondaryIgnored(v *luks.Volume, _ *luks.Key) error {
	plan, err := flagged(v)
	if err != nil {
		return err
	}
	plan.Writes = slices.DeleteFunc(plan.Writes, func(w header.Write) bool { return w.Place == header.Secondary })
	return commit.Apply(v.Device(), commit.Mending(nil, plan))
}

// unsalvaged updates both heads, past the door, and leaves it at that when a write went elsewhere.
func unsalvaged(v *luks.Volume, _ *luks.Key) error {
	plan, err := flagged(v)
	if err != nil {
		return err
	}
	for _, w := range plan.Writes {
		for _, part := range [][2]int{{luks2.BinarySize, len(w.Bytes)}, {0, luks2.BinarySize}} {
			if _, err := v.Device().WriteAt(w.Bytes[part[0]:part[1]], int64(w.Offset)+int64(part[0])); err != nil {
				return err
			}
		}
		read := make([]byte, len(w.Bytes))
		if err := errors.Join(v.Device().Sync(), header.ReadFull(v.Device(), read, w.Offset)); err != nil {
			return err
		}
		if !bytes.Equal(read, w.Bytes) {
			return commit.ErrReadBack
		}
	}
	return nil
}

// headerBeforeMaterial names a new keyslot before its material is there.
func headerBeforeMaterial(v *luks.Volume, key *luks.Key) error {
	r := &reversed{Device: v.Device()}
	other, err := luks.Load(context.Background(), r)
	if err != nil {
		return err
	}
	if err := addKey(luks.AnyKeyslot, fresh)(other, key); err != nil {
		return err
	}
	return r.late()
}

// reversed holds back the first write until the others are done.
type reversed struct {
	luks.Device
	first  []byte
	offset int64
	seen   bool
}

func (r *reversed) WriteAt(p []byte, offset int64) (int, error) {
	if !r.seen {
		r.seen, r.first, r.offset = true, slices.Clone(p), offset
		return len(p), nil
	}
	return r.Device.WriteAt(p, offset)
}

func (r *reversed) ReadAt(p []byte, offset int64) (int, error) {
	if r.seen && offset == r.offset {
		return copy(p, r.first), nil
	}
	return r.Device.ReadAt(p, offset)
}

func (r *reversed) late() error {
	if _, err := r.Device.WriteAt(r.first, r.offset); err != nil {
		return err
	}
	return r.Device.Sync()
}

// killFirst changes the only key by removing it before the new one is there.
func killFirst(v *luks.Volume, key *luks.Key) error {
	if err := killKeyslot(0)(v, key); err != nil {
		return err
	}
	return addKey(0, fresh)(v, key)
}

// unwiped removes a keyslot from the header and leaves its material.
func unwiped(v *luks.Volume, _ *luks.Key) error { return forget(v, 1) }

// forget takes a keyslot out of the header alone.
func forget(v *luks.Volume, id int) error {
	next := v.Choice.Copy
	next.Metadata = next.Metadata.Clone()
	if err := next.Metadata.RemoveKeyslot(id); err != nil {
		return err
	}
	plan, err := header.PlanUpdate(v.Heads, v.Choice, next, rand.Reader)
	if err != nil {
		return err
	}
	return commit.Apply(v.Device(), commit.Mending(nil, plan))
}

func TestUnsafeOperationsAreCaught(t *testing.T) {
	for _, c := range []struct {
		change change
		fault  string // which must find it
	}{
		{change{name: "unflushed", volume: small, run: unflushed}, "reordered"},
		{change{name: "secondary ignored", volume: small, run: secondaryIgnored}, "rot in a head"},
		{change{name: "unsalvaged", volume: small, run: unsalvaged}, "misplaced write"},
		{change{name: "header before material", volume: small, run: headerBeforeMaterial}, "power cut"},
		{change{name: "unwiped", volume: small, prepare: addKey(1, vectors.K1), run: unwiped}, "power cut"},
		{change{name: "kill first", volume: small, run: killFirst, touched: []int{0}}, "power cut"},
		{change{name: "LUKS1 kill first", volume: first, run: killFirst, touched: []int{0}}, "torn at 512"},
	} {
		op, err := c.change.operation()
		if err != nil {
			t.Fatal(err)
		}
		report, err := crash.Run(context.Background(), []crash.Operation{op}, crash.Config{Seed: 1, Images: 5000, Fault: c.fault})
		if err != nil {
			t.Fatal(err)
		}
		if report.Broken() == 0 {
			t.Errorf("%s: nothing broken by %q:\n%s", c.change.name, c.fault, table(t, report))
		}
	}
}

func TestStaleHeadsAreBuiltAsMeant(t *testing.T) {
	for stale, reason := range map[string]header.Reason{luks2.PrimaryMagic: header.SecondaryNewer, luks2.SecondaryMagic: header.PrimaryNewer} {
		m, err := change{volume: small, shape: withStale(stale)}.base()
		if err != nil {
			t.Fatal(err)
		}
		v, err := load(m)
		if err != nil || v.Choice.Reason != reason || v.Label != "NEWER" {
			t.Errorf("%s stale: %v, %v, label %q", stale, err, v.Choice.Reason, v.Label)
		}
	}
}
