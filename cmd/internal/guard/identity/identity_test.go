// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"pgregory.net/rapid"
)

// state is a header of the volume with that key, at that number, with some contents.
func state(key string, seqid uint64, contents string) Mark {
	return Mark{UUID: "u", Version: 2, SeqID: seqid, Sum: []byte(contents), Keys: [][]byte{[]byte(key)}}
}

func seen(marks ...Mark) (c Chain) {
	for _, m := range marks {
		c = c.See(m, "now", "disk")
	}
	return c
}

func TestRelations(t *testing.T) {
	one, two := state("k", 1, "one"), state("k", 2, "two")
	older := Mark{UUID: "u", Version: 1, Sum: []byte("a"), Keys: two.Keys}
	newer := Mark{UUID: "u", Version: 1, Sum: []byte("b"), Keys: two.Keys}
	tests := []struct {
		name  string
		chain Chain
		next  Mark
		want  Relation
	}{
		{"never seen", Chain{}, one, Unknown},
		{"as last seen", seen(one, two), two, Same},
		{"changed", seen(one), two, Newer},
		{"changed several times", seen(one), state("k", 9, "nine"), Newer},
		{"wrapped", seen(state("k", 1<<64-1, "last")), one, Newer},
		{"restored, seen before", seen(one, two), one, Older},
		{"restored, never seen", seen(two), one, Older},
		{"changed apart", seen(one, two), state("k", 2, "2"), Forked},
		{"restored and changed again", seen(one, two, one), state("k", 3, "three"), Forked},
		{"restored and back", seen(one, two, one), two, Same},
		{"formatted anew", seen(one, two), state("other", 3, "x"), Stranger},
		{"the number is not looked at", seen(one, two), state("other", 2, "two"), Stranger},
		{"reencrypted", seen(Mark{UUID: "u", Version: 2, SeqID: 5, Sum: []byte("both"), Keys: [][]byte{[]byte("k"), []byte("l")}}), state("l", 6, "new"), Newer},
		{"LUKS1 as before the last", seen(older, newer), older, Older},
		{"LUKS1 changed", seen(older), newer, Newer},
		{"converted", seen(older), two, Newer},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.chain.Relate(test.next); got != test.want {
				t.Errorf("%s, want %s", got, test.want)
			}
		})
	}
}

// A LUKS1 header holds the first 20 bytes of a digest, whatever hash it is by, and a LUKS2 header may hold all of it.
func TestAConvertedVolumeIsTheSame(t *testing.T) {
	for hash, length := range map[string]int{"sha1": 20, "sha256": 32, "sha512": 64} {
		salt, value := bytes.Repeat([]byte{1}, luks1.SaltSize), bytes.Repeat([]byte{2}, length)
		h := luks1.Header{HashSpec: hash, DigestIterations: 1000, DigestSalt: [luks1.SaltSize]byte(salt)}
		copy(h.Digest[:], value)
		one := Of1(h)
		whole := Mark{Keys: keySums(luks2.Digest{Hash: hash, Iterations: 1000, Salt: salt, Value: value})}
		short := Mark{Keys: keySums(luks2.Digest{Hash: hash, Iterations: 1000, Salt: salt, Value: h.Digest[:]})}
		other := Mark{Keys: keySums(luks2.Digest{Hash: hash, Iterations: 1001, Salt: salt, Value: value})}
		for _, pair := range [][2]Mark{{one, whole}, {whole, one}, {one, short}, {short, whole}, {whole, short}} {
			if !SameVolume(pair[0], pair[1]) {
				t.Errorf("%s: %x, %x", hash, pair[0].Keys, pair[1].Keys)
			}
		}
		if SameVolume(one, other) || SameVolume(whole, other) {
			t.Errorf("%s: other iterations, and the same volume", hash)
		}
	}
}

func TestAForkTakesNothingAway(t *testing.T) {
	one, two, three := state("k", 1, "one"), state("k", 2, "two"), state("k", 3, "three")
	c := seen(one, two)
	for _, seen := range []struct {
		m      Mark
		device string
		next   Relation
	}{
		{one, "elsewhere", Forked},
		{state("k", 2, "2"), "elsewhere", Forked},
		{state("other", 7, "x"), "disk", Forked},
		{state("other", 7, "x"), "elsewhere", Newer}, // another volume, in another place
	} {
		forked := c.See(seen.m, "now", seen.device)
		tip, _ := forked.Tip()
		if forked.Fork == nil || !sameState(tip.Mark, two) || len(forked.Links) != 2 || forked.Relate(three) != seen.next {
			t.Errorf("%+v", forked)
		}
		if over := forked.See(two, "now", "disk"); over.Fork != nil || over.Relate(three) != Newer {
			t.Errorf("seen as before: %+v", over)
		}
	}
}

// TestAStateElsewhereTakesNothingBack: what was seen on a device since is taken back by what is seen there.
func TestAStateElsewhereTakesNothingBack(t *testing.T) {
	one, two := state("k", 1, "one"), state("k", 2, "two")
	ended := seen(one, two)
	ended.Ended, ended.Where = "swap", "disk"
	passed := seen(one, two)
	passed.Passed, passed.Where = "a state", "disk"
	for _, c := range []Chain{ended, passed, seen(one, two, one)} {
		if e := c.See(two, "now", "elsewhere"); e.Ended != c.Ended || e.Passed != c.Passed || (e.Fork == nil) != (c.Fork == nil) {
			t.Errorf("seen elsewhere: %+v", e)
		}
		if h := c.See(two, "now", "disk"); h.Since() != "" || h.Where != "" {
			t.Errorf("seen where it was: %+v", h)
		}
	}
}

func TestWhatAPersonAcceptsCounts(t *testing.T) {
	one, two := state("k", 1, "one"), state("k", 2, "two")
	c := seen(one, two, one).Accept(one, "now", "disk")
	if c.Fork != nil || c.Relate(one) != Same || c.Relate(state("k", 2, "2")) != Newer {
		t.Errorf("%+v", c)
	}
	s := seen(one, two).Accept(state("other", 5, "x"), "now", "disk")
	if len(s.Links) != 1 || s.Relate(two) != Stranger {
		t.Errorf("%+v", s)
	}
}

// Whatever is seen, in whatever order: the chain's numbers grow, it is bounded, it has one key, and a
// state that does not continue it never becomes its tip.
func TestChainsGrowOnly(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var c Chain
		for range rapid.IntRange(1, 100).Draw(t, "events") {
			n := rapid.Uint64Range(1, 300).Draw(t, "seqid")
			m := state(rapid.SampledFrom([]string{"k", "l"}).Draw(t, "key"), n, fmt.Sprint(n, rapid.IntRange(0, 1).Draw(t, "line")))
			before, r := c, c.Relate(m)
			c = c.See(m, "now", "disk")
			tip, _ := c.Tip()
			if old, ok := before.Tip(); ok && !r.Continues() && !sameState(old.Mark, tip.Mark) || r.Continues() && !sameState(tip.Mark, m) {
				t.Fatalf("%s: %+v", r, c)
			}
			sorted := slices.IsSortedFunc(c.Links, func(a, b Link) int { return int(a.SeqID) - int(b.SeqID) })
			if !sorted || len(c.Links) > MaxLinks || !SameVolume(c.Links[0].Mark, tip.Mark) {
				t.Fatalf("%+v", c)
			}
		}
	})
}
