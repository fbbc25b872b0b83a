// SPDX-License-Identifier: Apache-2.0

package reencrypt_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

const headSize = 16384 // of the recorded states, bytes

// heads puts a head of each of two images together: one as the primary, the other one as the secondary. Where
// raise is not 0, the one with that place gets a sequence number that is higher by so much.
func heads(t *testing.T, primary, secondary []byte, raisePrimary, raiseSecondary uint64) []byte {
	t.Helper()
	image := bytes.Clone(primary)
	copy(image[headSize:], secondary[headSize:2*headSize])
	for at, raise := range map[int]uint64{0: raisePrimary, headSize: raiseSecondary} {
		if raise == 0 {
			continue
		}
		c, err := luks2.Decode(image[at:at+headSize], uint64(at))
		if err != nil {
			t.Fatal(err)
		}
		c.Header.SeqID += raise
		p, err := luks2.Encode(c)
		if err != nil {
			t.Fatal(err)
		}
		copy(image[at:], p)
	}
	return image
}

func torn(image []byte, at int) []byte {
	image = bytes.Clone(image)
	image[at+5000] ^= 1
	return image
}

func TestBothHeadsSayWhatIsProven(t *testing.T) {
	_, before := find(t, "reencrypt-checksum", "clean-1")
	_, hot := find(t, "reencrypt-checksum", "hot-2-data-half")
	_, start := find(t, "reencrypt-checksum", "init")
	_, shifted := find(t, "reencrypt-datashift", "hot-2-data-half")
	_, other := find(t, "reencrypt-keep-key", "clean-1")
	c, h := before.Header, hot.Header
	tests := []struct {
		name  string
		image []byte
		heads reencrypt.Heads
		step  reencrypt.Step
	}{
		{"both announce it", h, reencrypt.Settled, reencrypt.Recover},
		{"only the newer primary does", heads(t, h, c, 0, 0), reencrypt.NotWritten, reencrypt.TakeBack},
		{"only the newer secondary does", heads(t, c, h, 0, 0), reencrypt.Alone, reencrypt.Refuse},
		{"the other is older than the commit before", heads(t, h, c, 1, 0), reencrypt.Disagree, reencrypt.Refuse},
		{"the other is hot as well, and older", heads(t, h, h, 1, 0), reencrypt.Settled, reencrypt.Recover},
		{"the other tells of less that is done", heads(t, h, start.Header, 0, 2), reencrypt.Disagree, reencrypt.Refuse},
		{"the other is of another volume", heads(t, h, other.Header, 0, 1), reencrypt.Disagree, reencrypt.Refuse},
		{"the secondary is torn", torn(h, headSize), reencrypt.Alone, reencrypt.Refuse},
		{"the primary is torn by the commit after", torn(h, 0), reencrypt.Settled, reencrypt.Recover},
		{"the secondary is torn, and no record is needed", torn(shifted.Header, headSize), reencrypt.Alone, reencrypt.Recover},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := byHeads(t, test.image)
			if v.State != reencrypt.Hot || v.Heads != test.heads || v.Step != test.step {
				t.Errorf("%v, heads %d, %v: %s", v.State, v.Heads, v.Step, v.Reason)
			}
			if (v.Before != nil) != (v.Heads == reencrypt.NotWritten) {
				t.Errorf("the run before: %v", v.Before)
			}
		})
	}
}

func TestANewerHeadWithoutAHotZoneCounts(t *testing.T) {
	_, after := find(t, "reencrypt-checksum", "clean-1")
	_, hot := find(t, "reencrypt-checksum", "hot-2-data-half")
	v := byHeads(t, heads(t, after.Header, hot.Header, 2, 0))
	if v.State != reencrypt.Clean || v.Step != reencrypt.Resume {
		t.Errorf("%v, %v: %s", v.State, v.Step, v.Reason)
	}
}

func TestHeadsThatContradictEachOtherAreRefused(t *testing.T) {
	_, clean := find(t, "reencrypt-checksum", "clean-1")
	_, hot := find(t, "reencrypt-checksum", "hot-2-data-half")
	v := byHeads(t, heads(t, hot.Header, clean.Header, 0, 1))
	if v.State != reencrypt.Foreign || v.Step != reencrypt.Refuse || v.Heads != reencrypt.Disagree {
		t.Errorf("%v, %v: %s", v.State, v.Step, v.Reason)
	}
	if fate, _ := v.Peer(); fate != reencrypt.Untold {
		t.Errorf("cryptsetup: %v", fate)
	}
}

func TestTheRecordOfTheZoneDecidesWhereHeadsDoNot(t *testing.T) {
	_, before := find(t, "reencrypt-checksum", "clean-1")
	_, hot := find(t, "reencrypt-checksum", "hot-2-data-half")
	announced, alone := heads(t, hot.Header, before.Header, 0, 0), torn(hot.Header, headSize)
	tests := []struct {
		name  string
		image []byte
		old   uint64
		step  reencrypt.Step
		peer  reencrypt.Fate
		says  string
	}{
		{"announced, all old", announced, 4, reencrypt.TakeBack, reencrypt.Recovers, "agrees"},
		{"announced, all different", announced, 0, reencrypt.TakeBack, reencrypt.Destroys, "another zone"},
		{"announced, written in part", announced, 3, reencrypt.Recover, reencrypt.Recovers, "1 of its 4 units"},
		{"alone, all old", alone, 4, reencrypt.Recover, reencrypt.Recovers, "genuine"},
		{"alone, written in part", alone, 1, reencrypt.Recover, reencrypt.Recovers, "genuine"},
		{"alone, all different", alone, 0, reencrypt.Refuse, reencrypt.Risks, "either"},
		{"both, all different", hot.Header, 0, reencrypt.Recover, reencrypt.Recovers, ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := byHeads(t, test.image)
			if fate, _ := v.Peer(); v.Heads != reencrypt.Settled && fate != reencrypt.Risks {
				t.Errorf("before the record is read: %v", fate)
			}
			v = v.Weighed(reencrypt.Count{Units: 4, Old: test.old})
			fate, why := v.Peer()
			if v.Step != test.step || fate != test.peer || !strings.Contains(v.Reason, test.says) {
				t.Errorf("%v, %v (%s): %s", v.Step, fate, why, v.Reason)
			}
		})
	}
}

// A zone rewritten by the shift of an encryption that shifts nothing cannot be recovered by anybody.
func TestAnEncryptionInPlaceThatNamesAShiftIsNotRecovered(t *testing.T) {
	m := edited(t, "encrypt-detached", "hot-2-data-half", func(text string) string {
		text = strings.Replace(text, `"type":"checksum","hash":"sha256","sector_size":4096`,
			`"type":"datashift","shift_size":"16384"`, 1)
		return strings.Replace(text, `"direction":"forward"`, `"direction":"backward"`, 1)
	})
	v := reencrypt.OfMetadata(m)
	if v.State != reencrypt.Foreign {
		t.Errorf("forward segments in a run that goes backward: %v, %s", v.State, v.Reason)
	}
	m = edited(t, "encrypt-detached", "hot-2-data-half", func(text string) string {
		return strings.Replace(text, `"type":"checksum","hash":"sha256","sector_size":4096`,
			`"type":"datashift","shift_size":"16384"`, 1)
	})
	v = reencrypt.OfMetadata(m)
	fate, _ := v.Peer()
	if v.State != reencrypt.Hot || v.Step != reencrypt.Refuse || fate != reencrypt.Destroys {
		t.Errorf("%v, %v, %v: %s", v.State, v.Step, fate, v.Reason)
	}
}

// edited is the metadata of a recorded state with a change to its text.
func edited(t *testing.T, family, state string, change func(string) string) *luks2.Metadata {
	t.Helper()
	_, s := find(t, family, state)
	c, err := luks2.Decode(s.Header[:headSize], 0)
	if err != nil {
		t.Fatal(err)
	}
	before := string(c.Metadata.Text())
	after := change(before)
	if after == before {
		t.Fatal("nothing was changed")
	}
	m, err := luks2.ParseMetadata([]byte(after))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestWhatNoProgramWritesIsForeign(t *testing.T) {
	replace := func(from, to string) func(string) string {
		return func(text string) string { return strings.Replace(text, from, to, 1) }
	}
	tests := []struct {
		name, family, state string
		change              func(string) string
		field               string
	}{
		{"a second requirement", "reencrypt-checksum", "clean-1", replace(`"online-reencrypt-v2"`, `"online-reencrypt-v2","opal"`), "config.requirements.mandatory"},
		{"the offline one", "reencrypt-checksum", "clean-1", replace(`online-reencrypt-v2`, `offline-reencrypt`), "config.requirements.mandatory"},
		{"version 3 without its resilience", "reencrypt-checksum", "clean-1", replace(`-v2`, `-v3`), "config.requirements.mandatory"},
		{"version 2 with that of version 3", "decrypt-datashift", "clean-1", replace(`-v3`, `-v2`), "config.requirements.mandatory"},
		{"no reencryption keyslot", "reencrypt-checksum", "clean-1", replace(`"type":"reencrypt"`, `"type":"other"`), "keyslots"},
		{"no old end", "reencrypt-checksum", "clean-1", replace(`backup-previous`, `backup-other`), "segments"},
		{"two new ends", "reencrypt-checksum", "clean-1", replace(`backup-previous`, `backup-final`), "segments"},
		{"no digest", "reencrypt-checksum", "clean-1", replace(`"keyslots":["2"]`, `"keyslots":[]`), "digests"},
		{"a digest of segments", "reencrypt-checksum", "clean-1", replace(`"keyslots":["2"],"segments":[]`, `"keyslots":["2"],"segments":["0"]`), "digests.2"},
		{"a segment under the other key", "reencrypt-checksum", "clean-1", replace(`"segments":["0","3"]`, `"segments":["3"]`), "segments.0"},
		{"a gap in the data", "reencrypt-checksum", "clean-1", replace(`"size":"16384","iv_tweak":"0"`, `"size":"20480","iv_tweak":"0"`), "segments.1"},
		{"another IV number", "reencrypt-checksum", "clean-1", replace(`"iv_tweak":"32"`, `"iv_tweak":"40"`), "segments.1"},
		{"the other direction", "reencrypt-checksum", "clean-1", replace(`forward`, `backward`), "segments.1"},
		{"a mode that is not that of the ends", "reencrypt-checksum", "clean-1", replace(`"mode":"reencrypt"`, `"mode":"decrypt"`), "segments.3"},
		{"an unknown hash", "reencrypt-checksum", "clean-1", replace(`"type":"checksum","hash":"sha256"`, `"type":"checksum","hash":"sha"`), "keyslots.2.area.hash"},
		{"a unit of half a sector", "reencrypt-checksum", "clean-1", replace(`"hash":"sha256","sector_size":4096`, `"hash":"sha256","sector_size":2048`), "keyslots.2.area.sector_size"},
		{"a hot zone without resilience", "reencrypt-checksum", "hot-2-data-half", replace(`"type":"checksum"`, `"type":"none"`), "segments.1"},
		{"a hot zone of no size", "reencrypt-checksum", "hot-4-data-new", replace(`"offset":"360448","size":"16384"`, `"offset":"360448","size":"dynamic"`), "segments.1"},
		{"a hot zone elsewhere", "reencrypt-checksum", "hot-4-data-new", replace(`"offset":"360448"`, `"offset":"364544"`), "segments.1"},
		{"no shift", "reencrypt-datashift", "clean-1", replace(`"shift_size":"65536"`, `"shift_size":"0"`), "keyslots.2.area.shift_size"},
		{"moved data and no shift", "encrypt-datashift", "clean-1", replace(`"type":"datashift","shift_size":"102400"`, `"type":"journal"`), "segments.4"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := reencrypt.OfMetadata(edited(t, test.family, test.state, test.change))
			_, err := reencrypt.Of(edited(t, test.family, test.state, test.change))
			var field *reencrypt.ForeignError
			if v.State != reencrypt.Foreign || v.Step != reencrypt.Refuse || !errors.As(err, &field) {
				t.Fatalf("%v, %v: %v", v.State, v.Step, err)
			}
			if field.Field != test.field || !errors.Is(err, reencrypt.ErrForeign) || v.Reason != err.Error() {
				t.Errorf("%v, want one about %s", err, test.field)
			}
		})
	}
}
