// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"sync"
	"testing"

	"github.com/orthrus-luks/orthrus/test/part"
)

// crowd is how many processes change the keys of one volume at once.
const crowd = 30

// rush is one of them: it adds a key, or changes one that is there.
type rush struct {
	by       tool
	old, new string // key files; old is empty where one is added
	args     []string
	got      result
	refused  int // how often before
}

// insist repeats what was refused: cryptsetup gives up where somebody else changed the header
// meanwhile, and has done nothing then.
func (r *rush) insist(b *bed) {
	for range crowd {
		if r.got = r.by.call(b.t, call{dir: b.dir, args: r.args}); r.got.code == 0 || r.by == bench.ours {
			return
		}
		r.refused++
	}
}

// TestThirtyKeyChangesAtOnceLoseNone: ours and cryptsetup's mixed, on one volume. Every key whose process
// said that it is in opens the volume, every change that was refused left the old key, and the header
// is whole.
func TestThirtyKeyChangesAtOnceLoseNone(t *testing.T) {
	peers := []tool{bench.bookworm, bench.trixie}
	for _, peer := range part.Of(t, "releases of cryptsetup", peers, peers[:1]) {
		t.Run(peer.name, func(t *testing.T) {
			b := newBed(t)
			b.image("a.img", 24<<20)
			b.must(bench.ours, words("luksFormat -q --key-file k1 "+costs+"a.img")...)
			runs := rushes(b, [2]tool{bench.ours, peer})
			var start, done sync.WaitGroup
			start.Add(1)
			for i := range runs {
				done.Go(func() {
					start.Wait()
					runs[i].insist(b)
				})
			}
			start.Done()
			done.Wait()
			judge(b, runs, peer)
		})
	}
}

// rushes are 24 additions and 6 changes, by each tool in turn.
func rushes(b *bed, tools [2]tool) []rush {
	var runs []rush
	for i := range crowd {
		r := rush{by: tools[i%2], new: fmt.Sprintf("new%d", i)}
		b.write(r.new, "the new key "+r.new)
		r.args = words("luksAddKey -q --key-file k1 " + costs + "a.img " + r.new)
		if i%5 == 4 {
			r.old = fmt.Sprintf("old%d", i)
			b.write(r.old, "the old key "+r.old)
			b.must(bench.ours, words("luksAddKey -q --key-file k1 "+costs+"a.img "+r.old)...)
			r.args = words("luksChangeKey -q --key-file " + r.old + " " + costs + "a.img " + r.new)
		}
		runs = append(runs, r)
	}
	return runs
}

func judge(b *bed, runs []rush, peer tool) {
	b.t.Helper()
	opens := func(p tool, key string) bool {
		return b.run(p, words("open --test-passphrase --key-file "+key+" a.img")...).code == 0
	}
	acknowledged, refusals := map[string]int{}, 0
	for _, r := range runs {
		refusals += r.refused
		done := r.got.code == 0
		if done {
			acknowledged[r.by.name]++
		} else if r.by == bench.ours {
			b.t.Errorf("%v: exit %d: %s", r.args, r.got.code, r.got.stderr)
		}
		old, fresh := r.old != "" && opens(bench.ours, r.old), opens(bench.ours, r.new)
		switch {
		case done && (!fresh || old):
			b.t.Errorf("%s %v succeeded; the new key opens: %v, the old one: %v", r.by.name, r.args, fresh, old)
		case done && !opens(peer, r.new):
			b.t.Errorf("%s %v succeeded, and cryptsetup does not open the new key", r.by.name, r.args)
		case !done && r.old != "" && !old && !fresh:
			b.t.Errorf("%s %v failed, and neither key opens", r.by.name, r.args)
		}
	}
	if !opens(bench.ours, "k1") {
		b.t.Error("the first key is gone")
	}
	b.must(own(b), "check", "a.img")
	fmt.Printf("%d key changes at once: %d by us and %d by cryptsetup (%s, which refused %d times before) acknowledged, none of them lost\n",
		crowd, acknowledged[bench.ours.name], acknowledged[peer.name], peer.name, refusals)
}
