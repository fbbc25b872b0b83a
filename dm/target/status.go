// SPDX-License-Identifier: Apache-2.0

package target

// IntegrityStatus is the status text of an integrity line (dm-integrity.rst, "Status line").
type IntegrityStatus struct {
	Mismatches      uint64
	ProvidedSectors uint64 // 512-byte sectors usable above the target
	Recalculating   bool
	Recalculated    uint64 // 512-byte sectors done, when Recalculating
}

// ParseIntegrityStatus reads "<mismatches> <provided sectors> <recalculated sector|->".
func ParseIntegrityStatus(text []byte) (IntegrityStatus, error) {
	r := newReader("integrity", text)
	s := IntegrityStatus{Mismatches: r.number("mismatches"), ProvidedSectors: r.number("provided sectors")}
	// Kernels before 4.19 end here.
	if r.more() && r.left[0] == '-' {
		r.word("recalculated sector")
	} else if r.more() {
		s.Recalculating = true
		s.Recalculated = r.number("recalculated sector")
	}
	return s, r.err
}

// ParseVerityStatus reads the status of a verity line, "V" (valid so far) or "C" (corruption was
// found); newer kernels append the count of blocks repaired by forward error correction.
func ParseVerityStatus(text []byte) (corrupted bool, err error) {
	r := newReader("verity", text)
	word := r.word("status")
	if r.err == nil && word != "V" && word != "C" {
		r.fail("status", word, "neither V nor C")
	}
	return word == "C", r.err
}
