// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestSurplusMembersOfAKDFAreLeftOutInMemory(t *testing.T) {
	const from = `"iterations":1000,"salt":"8p6t`
	cases := []struct {
		name, from, to string
		dropped        []string
	}{
		{"of another kdf", from, `"time":4,"memory":64,"cpus":1,` + from, []string{"keyslots.0.kdf.time", "keyslots.0.kdf.memory", "keyslots.0.kdf.cpus"}},
		{"unknown", from, `"x":{"y":[1]},` + from, []string{"keyslots.0.kdf.x"}},
		{"of a wrong type", from, `"time":"soon",` + from, []string{"keyslots.0.kdf.time"}},
		{"none", from, from, nil},
	}
	plain, err := ParseMetadata([]byte(plainText))
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := strings.Replace(plainText, c.from, c.to, 1)
			if err := validated(t, text); err != nil {
				t.Fatal(err)
			}
			m, err := ParseMetadata([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			if !slices.Equal(m.Clone().Dropped(), c.dropped) || !m.Equal(plain) {
				t.Errorf("dropped %v; %s", m.Dropped(), m.Text())
			}
		})
	}
}

func TestAKDFOfAnUnknownTypeKeepsItsMembers(t *testing.T) {
	text := strings.Replace(plainText, `"kdf":{"type":"pbkdf2"`, `"kdf":{"type":"future","x":1`, 1)
	m, err := ParseMetadata([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	if len(m.Dropped()) != 0 || string(m.Text()) != text {
		t.Errorf("dropped %v", m.Dropped())
	}
}

func TestASegmentThatReachesPast64BitsIsCutInMemory(t *testing.T) {
	text := strings.Replace(plainText, `"size":"dynamic"`, `"size":"18446744073709551104"`, 1)
	if err := validated(t, text); err != nil {
		t.Fatalf("other readers take it for sound: %v", err)
	}
	m, err := ParseMetadata([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	s, _ := m.DefaultSegment()
	if s.Dynamic || s.Size%512 != 0 || s.Offset+s.Size < s.Offset || s.Extent().End() != s.Offset+s.Size || s.Size < math.MaxUint64-s.Offset-512 {
		t.Errorf("%d bytes at %d", s.Size, s.Offset)
	}
	if !strings.Contains(string(m.Text()), "18446744073709551104") {
		t.Error("the text was changed")
	}
}
