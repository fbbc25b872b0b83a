// SPDX-License-Identifier: Apache-2.0

package crash

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// lettersOf shows a state: the first byte of each sector, and "!" where it was acknowledged.
func lettersOf(s State) string {
	var out []byte
	content := s.Image.Bytes()
	for at := 0; at < len(content); at += disk.SectorSize {
		out = append(out, content[at])
	}
	if s.Acknowledged {
		out = append(out, '!')
	}
	return string(out)
}

func sectorsOf(s string) []byte {
	var p []byte
	for _, c := range []byte(s) {
		p = append(p, bytes.Repeat([]byte{c}, disk.SectorSize)...)
	}
	return p
}

// recordOf records writes on the disk "abcdefghijkl": "2:XY" writes XY at sector 2, "sync" flushes.
func recordOf(t *testing.T, calls ...string) record {
	t.Helper()
	d := disk.NewRecorder(disk.NewImage(sectorsOf("abcdefghijkl")), noFault)
	for _, call := range calls {
		at, what, write := strings.Cut(call, ":")
		var err error
		if write {
			_, err = d.WriteAt(sectorsOf(what), int64(at[0]-'0')*disk.SectorSize)
		} else {
			err = d.Sync()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	return newRecord(Operation{Owned: []disk.Range{{Length: 12 * disk.SectorSize}}}, d.Trace(nil))
}

func collect(list states) []string {
	var all []string
	for s := range list {
		all = append(all, lettersOf(s))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

func expect(t *testing.T, got []string, want string) {
	t.Helper()
	list := strings.Fields(want)
	slices.Sort(list)
	if !slices.Equal(got, list) {
		t.Errorf("\n got %s\nwant %s", strings.Join(got, " "), strings.Join(list, " "))
	}
}

func TestCutsAreThePrefixesOfTheWrites(t *testing.T) {
	r := recordOf(t, "0:A", "1:BC", "sync", "3:D")
	expect(t, collect(cuts(r)), "abcdefghijkl Abcdefghijkl ABCdefghijkl ABCDefghijkl!")
}

func TestAllIsAcknowledgedOnceTheOperationReturned(t *testing.T) {
	r := recordOf(t, "0:A", "sync")
	expect(t, collect(cuts(r)), "abcdefghijkl Abcdefghijkl Abcdefghijkl!")
}

func TestTornWritesKeepFrontOrBack(t *testing.T) {
	r := recordOf(t, "0:A", "1:BCD", "sync", "4:E")
	expect(t, collect(torn(r, 1)), "ABcdefghijkl ABCdefghijkl AbCDefghijkl AbcDefghijkl")
}

func TestTornWritesOfLargeSectorsBreakAtTheirBordersOnly(t *testing.T) {
	r := recordOf(t, "6:GHIJ")
	expect(t, collect(torn(r, 8)), "abcdefGHijkl abcdefghIJkl")
}

func TestReorderingTriesEverySubsetOfWritesAndSectors(t *testing.T) {
	r := recordOf(t, "0:A", "sync", "1:BC", "1:X")
	expect(t, collect(subsets(r)), `abcdefghijkl Abcdefghijkl
		Abcdefghijkl! ABCdefghijkl! AXcdefghijkl! AXCdefghijkl!
		ABcdefghijkl! AbCdefghijkl!`)
}

func TestReorderingBeyondTheLimitIsDrawn(t *testing.T) {
	r := recordOf(t, "0:ABCDEFGHIJKL", "sync")
	s := &session{course: &course{clean: r}, rng: newRand(1, "x")}
	seen := map[string]bool{}
	for range 2000 {
		seen[lettersOf(shuffledClean(s))] = true
	}
	if len(seen) < 500 || !seen["abcdefghijkl"] || !seen["ABCDEFGHIJKL"] {
		t.Errorf("%d states of 4096 seen", len(seen))
	}
}

func TestTearingByChanceReachesEverySubset(t *testing.T) {
	r := recordOf(t, "0:A", "1:BCD", "sync")
	s := &session{course: &course{clean: r}, rng: newRand(1, "x")}
	seen := map[string]bool{}
	for range 2000 {
		seen[lettersOf(tornAnywhere(s.clean, 1, s.rng))] = true
	}
	if len(seen) != 1+8 { // "abcd…" before A, and A with each subset of BCD
		t.Errorf("%d states: %v", len(seen), seen)
	}
	for range 2000 {
		if got := lettersOf(tornAnywhere(recordOf(t, "6:GHI"), 8, s.rng)); got[6:8] != "gh" && got[6:8] != "GH" {
			t.Fatalf("a 4096-byte sector was torn: %s", got)
		}
	}
}

func TestTornSectorIsMixedNoisyOrUnreadable(t *testing.T) {
	r := recordOf(t, "1:BC")
	mixedStates, unreadableStates := 0, 0
	for s := range spoiled(&session{course: &course{clean: r}, rng: newRand(1, "x"), thin: 1}) {
		if len(s.Hit) != 1 || s.Hit[0].Length != disk.SectorSize {
			t.Fatalf("hit: %v", s.Hit)
		}
		at := s.Hit[0].Offset
		content := s.Image.Bytes()[at : at+disk.SectorSize]
		upper, lower := byte('A')+byte(at/disk.SectorSize), byte('a')+byte(at/disk.SectorSize)
		half := disk.SectorSize / 2
		if content[0] == upper && content[half] == lower || content[0] == lower && content[half] == upper {
			mixedStates++
		}
		if s.Image.Unreadable() {
			unreadableStates++
		}
	}
	if mixedStates != 4 || unreadableStates != 2 {
		t.Errorf("%d mixed, %d unreadable", mixedStates, unreadableStates)
	}
}

func TestRunsRepeatExactly(t *testing.T) {
	flaw := "does not flush"
	first, second := try(t, Config{Seed: 5, Images: 3000}, flaw), try(t, Config{Seed: 5, Images: 3000, Workers: 1}, flaw)
	for i, row := range first.Rows {
		if row.Outcomes != second.Rows[i].Outcomes || row.Distinct != second.Rows[i].Distinct {
			t.Errorf("%s: %+v, then %+v", row.Fault, row, second.Rows[i])
		}
	}
}

func TestTheCaseOfAFindingCanBeTriedAlone(t *testing.T) {
	config := Config{Seed: 5, Images: 3000}
	for _, row := range try(t, config, "does not flush").Rows {
		if len(row.Findings) == 0 {
			continue
		}
		want := row.Findings[len(row.Findings)-1]
		alone := config
		alone.Operation, alone.Fault, alone.Case = row.Operation, row.Fault, want.Case
		got := try(t, alone, "does not flush")
		if len(got.Rows) != 1 || len(got.Rows[0].Findings) != 1 || got.Rows[0].Findings[0] != want {
			t.Errorf("%s: %+v, want %+v", row.Fault, got.Rows, want)
		}
		return
	}
	t.Fatal("no finding to repeat")
}
