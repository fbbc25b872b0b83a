// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// seen is what wipefs(8), which lists what libblkid finds, says of one signature.
type seen struct {
	offset      int64
	kind        string
	length      int
	uuid, label string
}

func wipefs(t *testing.T, path string) (list []seen) {
	t.Helper()
	out, err := exec.Command("wipefs", "--no-act", "--parsable", "--output", "OFFSET,TYPE,LENGTH,UUID,LABEL", path).CombinedOutput()
	if err != nil {
		t.Fatalf("wipefs (util-linux): %v: %s", err, out)
	}
	for line := range bytes.Lines(out) {
		fields := strings.Split(strings.TrimSpace(string(line)), ",")
		if len(fields) != 5 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		off, err := strconv.ParseInt(fields[0], 0, 64)
		length, err2 := strconv.Atoi(fields[2])
		if err != nil || err2 != nil {
			t.Fatalf("wipefs: %s", line)
		}
		list = append(list, seen{off, fields[1], length, decode(fields[3]), decode(fields[4])})
	}
	return list
}

// decode undoes \xHH.
func decode(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], `\x`) && i+4 <= len(s) {
			if n, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}

// differs tells in which way s is not what wipefs says; what wipefs does not say is not compared,
// and UDF's names are not looked for.
func (w seen) differs(s Signature) string {
	switch {
	case s.Offset != w.offset || s.Kind != w.kind || s.MagicLength != w.length:
		return fmt.Sprintf("%+v", s)
	case w.uuid != "" && s.UUID != w.uuid && s.Kind != "udf":
		return "uuid " + s.UUID
	case w.label != s.Label && s.Kind != "udf":
		return "label " + s.Label
	}
	return ""
}

func compare(t *testing.T, d *sparse) {
	t.Helper()
	found, listed := detect(t, d), wipefs(t, d.file(t))
	for _, w := range listed {
		best := "nothing"
		for _, s := range found {
			if s.Offset == w.offset {
				best = w.differs(s)
			}
			if best == "" {
				break
			}
		}
		if best != "" && !bootOf(found, w) {
			t.Errorf("wipefs finds %+v, Detect %s", w, best)
		}
	}
	for _, s := range found {
		if s.Kind == "zfs_member" || s.Kind == CoreStorage {
			continue // wipefs stops at the last three uberblocks, and does not know Core Storage
		}
		if !s.Backup && !listedAt(listed, s) {
			t.Errorf("Detect finds %+v, wipefs does not", s)
		}
	}
}

// bootOf: wipefs takes the end mark of a boot sector without partitions for an MBR.
func bootOf(found []Signature, w seen) bool {
	return w.kind == "dos" && len(found) > 0 && slices.Contains([]string{"ntfs", "exfat", "BitLocker"}, found[0].Kind)
}

func listedAt(listed []seen, s Signature) bool {
	for _, w := range listed {
		if w.offset == s.Offset && w.kind == s.Kind {
			return true
		}
	}
	return false
}

func TestDetectAgreesWithBlkid(t *testing.T) {
	for _, name := range fixtures(t) {
		t.Run(name, func(t *testing.T) {
			if name == "gpt-4k" {
				t.Log("a table for 4096-byte sectors, which blkid sees on such a device only")
				return
			}
			compare(t, fixture(t, name))
		})
	}
}
