// SPDX-License-Identifier: Apache-2.0

package vectors

import (
	"bytes"
	"encoding/json"
	"testing"
)

func TestEveryVolumeUnpacksToItsRecordedSize(t *testing.T) {
	all := All()
	if len(all) != 8 {
		t.Fatalf("%d volumes, want 8", len(all))
	}
	for _, m := range all {
		image, facts := Open(m.Name)
		if int64(len(image)) != m.Size || m.Size != m.DataOffset+128<<10 {
			t.Errorf("%s: %d bytes, manifest says %d, data at %d", m.Name, len(image), m.Size, m.DataOffset)
		}
		version := byte(2)
		if m.LUKS1() {
			version = 1
		}
		if !bytes.Equal(image[:8], []byte{'L', 'U', 'K', 'S', 0xBA, 0xBE, 0, version}) {
			t.Errorf("%s: starts with % x", m.Name, image[:8])
		}
		if len(facts.VolumeKey) != 32 && len(facts.VolumeKey) != 64 {
			t.Errorf("%s: volume key of %d bytes", m.Name, len(facts.VolumeKey))
		}
	}
}

func TestEveryVolumeHasItsDump(t *testing.T) {
	for _, m := range All() {
		if len(Dump(m.Name)) < 500 {
			t.Errorf("%s: dump is too short", m.Name)
		}
		if !m.LUKS1() && !json.Valid(JSON(m.Name)) {
			t.Errorf("%s: metadata is no JSON", m.Name)
		}
	}
}

func TestOpenGivesEachCallerItsOwnCopy(t *testing.T) {
	first, _ := Open("luks1-sha1")
	first[0] = 0
	if second, _ := Open("luks1-sha1"); second[0] != 'L' {
		t.Fatal("a change by one caller is seen by the next")
	}
}

func TestEveryTranscriptStepEndsWithAnExitCode(t *testing.T) {
	for _, session := range Sessions() {
		steps := Transcript(session)
		if len(steps) < 5 {
			t.Errorf("%s: only %d steps", session, len(steps))
		}
		for _, s := range steps {
			if s.Exit < 0 {
				t.Errorf("%s: %q has no exit code", session, s.Command)
			}
		}
	}
}

func TestPlainSectorIsTheRecordedPattern(t *testing.T) {
	s := PlainSector(0)
	if len(s) != 512 || !bytes.Equal(s[:32], s[480:]) {
		t.Fatal("a plain sector is sixteen times one hash")
	}
}
