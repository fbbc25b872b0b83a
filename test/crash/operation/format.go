// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// format makes a volume over another one, or on a blank device.
type format struct {
	name    string
	over    string // of package vectors; empty: a blank device
	version int
	make    func() (*disk.Image, error)                 // what is formatted over; nil for what over says
	with    func(luks.FormatOptions) luks.FormatOptions // changes the options; may be nil
	keys    func() *keyring                             // of the volume that make makes
}

func formats() []format {
	return []format{
		{name: "format", version: 2},
		{name: "format over LUKS2", over: large, version: 2},
		{name: "format over LUKS1", over: first, version: 2},
		{name: "LUKS1 format", version: 1},
		{name: "LUKS1 format over LUKS2", over: small, version: 1},
	}
}

const (
	formatSize   = 1152 << 10 // bytes of a blank device
	formatOffset = 512 << 10  // where the data of LUKS2 begins
)

func (f format) options() luks.FormatOptions {
	o := luks.FormatOptions{
		Version: f.version, Cipher: "aes-xts-plain64", KeySize: 32, Hash: "sha256", SectorSize: 512,
		UUID: "99999999-8888-4777-8666-555555555555", DataOffset: formatOffset, Keyslot: protection(0),
	}
	if f.version == 1 {
		o.DataOffset = 2056 * 512 // right behind the key material
	}
	if f.with != nil {
		o = f.with(o)
	}
	return o
}

func (f format) run(dev crash.Device) error {
	_, err := luks.Format(context.Background(), dev, []byte(fresh), f.options())
	return err
}

func (f format) base() (*disk.Image, error) {
	if f.make != nil {
		return f.make()
	}
	if f.over == "" {
		return disk.NewImage(make([]byte, formatSize)), nil
	}
	content, _ := vectors.Open(f.over)
	return disk.NewImage(content), nil
}

func (f format) operation() (crash.Operation, error) {
	base, err := f.base()
	if err != nil {
		return crash.Operation{}, err
	}
	after, err := afterwards(base, f.run)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", f.name, err)
	}
	j, err := newFormatJudge(base, after, f.over != "" || f.make != nil, f.keys)
	if err != nil {
		return crash.Operation{}, fmt.Errorf("%s: %w", f.name, err)
	}
	return crash.Operation{
		Name:  f.name,
		Setup: func() (*disk.Image, error) { return base, nil },
		Run:   f.run,
		Check: j.check,
		Owned: f.owned(base),

		Copies: j.heads, Areas: j.area, Lone: f.version == 1, Unequal: lone(base),
	}, nil
}

// lone tells whether a volume has one header: what strikes that before the format is no fault of the format.
func lone(m *disk.Image) bool {
	v, err := load(m)
	return err == nil && v.Version == 1
}

// owned is all in front of the data, and heads and a far header of the old volume.
func (f format) owned(base *disk.Image) []disk.Range {
	end := int64(f.options().DataOffset)
	if end == 0 || f.options().Detached {
		end = base.Size()
	}
	list := []disk.Range{{Length: end}}
	if v, err := load(base); err == nil && v.Version == 2 {
		list = append(list, heads(v)...)
		if t, _, found, err := far.Find(v.Metadata()); err == nil && found {
			list = append(list, ranges(t.Far)...)
		}
	}
	return list
}

// formatJudge tells the crash states of a format. What was there before goes by request, so that only
// the old volume whole, the new one whole, or neither is right.
type formatJudge struct {
	keys     *keyring
	old, new side
	stale    map[string]bool // what single heads of the old volume say: one that is stale may come to light
	heads    []disk.Range
	area     []disk.Range // of the new volume's keyslot
}

func newFormatJudge(base, after *disk.Image, over bool, keys func() *keyring) (*formatJudge, error) {
	if keys == nil {
		keys = newKeyring
	}
	shared := &judge{keys: keys(), facts: facts}
	j := &formatJudge{keys: shared.keys}
	var err error
	if over {
		if j.old, err = shared.side(base); err != nil {
			return nil, err
		}
		j.stale = singly(base)
	}
	if j.new, err = shared.side(after); err != nil {
		return nil, err
	}
	v, err := load(after)
	if err != nil {
		return nil, err
	}
	j.heads = heads(v)
	for _, area := range j.new.areas {
		j.area = append(j.area, area)
	}
	return j, nil
}

// singly are the facts of each head of a volume without the other.
func singly(m *disk.Image) map[string]bool {
	all := map[string]bool{}
	v, err := load(m)
	if err != nil || v.Version != 2 {
		return all
	}
	for _, head := range heads(v) {
		if one, err := load(withoutHeads(m, []disk.Range{head})); err == nil {
			all[facts(one)] = true
		}
	}
	return all
}

func (j *formatJudge) check(c crash.Case) crash.Verdict {
	if c.Acknowledged {
		if stray := j.stray(c.Image); stray >= 0 && !c.Damaged(disk.Range{Offset: stray, Length: disk.SectorSize}) {
			return broken("an old secondary stands at %d", stray)
		}
	}
	v, err := load(c.Image)
	if err != nil {
		return j.nothing(c, err.Error())
	}
	open, err := j.keys.opening(c.Image, v)
	if err != nil {
		return broken("unlocking: %v", err)
	}
	now, set := facts(v), names(open)
	switch {
	case now == j.new.facts && set == names(j.new.open):
		return crash.Verdict{Outcome: crash.New}
	case now == j.new.facts:
		return excuse(c, broken("the new header stands and %q opens it", set), j.single(), j.area)
	case now == j.old.facts && set == names(j.old.open):
		return crash.Verdict{Outcome: crash.Old}
	case now == j.old.facts, j.stale[now]:
		return j.nothing(c, "the old header stands without its keys")
	}
	return excuse(c, broken("neither the old nor the new metadata:\n%s", now), j.heads, nil)
}

// nothing is the verdict on a state in which no volume stands: right until the format is done.
func (j *formatJudge) nothing(c crash.Case, reason string) crash.Verdict {
	if !c.Acknowledged {
		return crash.Verdict{Outcome: crash.Between}
	}
	return excuse(c, broken("%s", reason), j.heads, j.area)
}

// single is the header where it has no copy.
func (j *formatJudge) single() []disk.Range { return (&judge{heads: j.heads}).single() }

// stray returns where a secondary head stands that is not the new volume's, or -1.
func (j *formatJudge) stray(m *disk.Image) int64 {
	for _, size := range luks2.Sizes() {
		at := int64(size)
		if len(j.heads) == 2 && at == j.heads[1].Offset || at+6 > m.Size() {
			continue
		}
		p := make([]byte, 6)
		if _, err := m.ReadAt(p, at); err == nil && string(p) == luks2.SecondaryMagic {
			return at
		}
	}
	return -1
}
