// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"bufio"
	"encoding/binary"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files of testdata anew")

// recorded is one message of a recorded stream.
type recorded struct {
	file    string
	source  Source
	message []byte
}

// streams reads testdata/*.stream: messages as test/vm records them, one a line: the group, and the
// bytes as a Go string. Recordings are of a little-endian machine; elsewhere the words of libudev's
// header that are in host order are turned around.
func streams(t testing.TB) []recorded {
	t.Helper()
	files, err := filepath.Glob("testdata/*.stream")
	if err != nil || len(files) == 0 {
		t.Fatalf("no recorded streams: %v", err)
	}
	var all []recorded
	for _, name := range files {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		defer f.Close()
		lines := bufio.NewScanner(f)
		for lines.Scan() {
			if line := lines.Text(); line != "" && line[0] != '#' {
				all = append(all, record(t, name, line))
			}
		}
	}
	return all
}

func record(t testing.TB, file, line string) recorded {
	t.Helper()
	group, quoted, _ := strings.Cut(line, " ")
	text, err := strconv.Unquote(quoted)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	r := recorded{file, Kernel, []byte(text)}
	if group == Udev.String() {
		r.source = Udev
		for at := offHeaderSize; at < offSubsystemHash; at += 4 {
			binary.NativeEndian.PutUint32(r.message[at:], binary.LittleEndian.Uint32(r.message[at:]))
		}
	}
	return r
}

func TestRecordedStreams(t *testing.T) {
	files := map[string]*strings.Builder{}
	for _, r := range streams(t) {
		name := strings.TrimSuffix(r.file, ".stream") + ".golden"
		if files[name] == nil {
			files[name] = new(strings.Builder)
		}
		e, err := parse(r.source, r.message)
		if err != nil {
			t.Errorf("%s: %v: %q", r.file, err, r.message)
			continue
		}
		files[name].WriteString(render(e))
	}
	for name, text := range files {
		golden(t, name, text.String())
	}
}

func render(e Event) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v %v %s subsystem=%s devtype=%s node=%s %d:%d diskseq=%d seqnum=%d synthetic=%q resized=%v\n",
		e.Source, e.Action, e.DevPath, e.Subsystem, e.DevType, e.DevName, e.Major, e.Minor, e.DiskSeq, e.Seqnum, e.Synthetic, e.Resized())
	for key, value := range e.Properties.All() {
		fmt.Fprintf(&b, "\t%s=%s\n", key, value)
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(name)
	if err != nil || got != string(want) {
		t.Errorf("%s differs (go test -update): %v\n%s", name, err, got)
	}
}

// The hashes in recorded headers are udevd's own.
func TestHashesAreThoseOfUdevd(t *testing.T) {
	if binary.NativeEndian.Uint16([]byte{1, 0}) != 1 {
		return // hashes are made of words in host order, and the recordings are little-endian
	}
	count := 0
	for _, r := range streams(t) {
		if r.source != Udev {
			continue
		}
		count++
		e, err := ParseUdev(r.message)
		if err != nil {
			t.Fatal(err)
		}
		var properties []string
		for k, v := range e.Properties.All() {
			properties = append(properties, k+"="+v)
		}
		if ours := udevMessage(properties...); !slices.Equal(ours, r.message) {
			t.Errorf("%s of %s: header %x, ours %x", e.Action, e.DevPath, r.message[:udevHeaderSize], ours[:udevHeaderSize])
		}
	}
	if count < 5 {
		t.Errorf("only %d messages of udevd are recorded", count)
	}
}
