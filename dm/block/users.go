// SPDX-License-Identifier: Apache-2.0

package block

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/dm/folder"
)

// mounts reads /proc/self/mountinfo (proc(5)): "36 35 98:0 /root /mnt opts - type source super".
// A file system with a number of its own (btrfs) is known by its source.
func (r root) mounts(held map[number]string) (found []Holder, err error) {
	text, err := os.ReadFile(r.path("proc/self/mountinfo"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		fields, source := strings.Fields(before), strings.Fields(after)
		if len(fields) < 5 {
			continue
		}
		n, _ := parseNumber(fields[2])
		partition, ok := held[n]
		if !ok && len(source) > 1 && n.major == 0 {
			partition, ok = r.heldPath(held, unescape(source[1]))
		}
		if ok {
			found = append(found, Holder{Kind: HolderMount, Name: unescape(fields[4]), Partition: partition})
		}
	}
	return found, nil
}

// swaps reads /proc/swaps: a heading, then a path first in each line.
func (r root) swaps(held map[number]string) (found []Holder, err error) {
	text, err := os.ReadFile(r.path("proc/swaps"))
	if err != nil {
		return nil, err
	}
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) == 0 {
			continue
		}
		path := unescape(fields[0])
		if partition, ok := r.heldPath(held, path); ok {
			found = append(found, Holder{Kind: HolderSwap, Name: path, Partition: partition})
		}
	}
	return found, nil
}

// openers looks through the open files of all other processes that may be looked at.
func (r root) openers(held map[number]string) (found []Holder, err error) {
	processes, err := folder.Names(r.path("proc"))
	if err != nil {
		return nil, err
	}
	for _, entry := range processes {
		pid, err := strconv.Atoi(entry)
		if err != nil || pid == os.Getpid() {
			continue
		}
		dir := r.path("proc", entry)
		if partition, ok := r.hasOpen(dir, held); ok {
			found = append(found, Holder{
				Kind: HolderProcess, Name: ReadAttribute(dir, "comm"), Partition: partition,
				PID: pid,
			})
		}
	}
	return found, nil
}

func (r root) hasOpen(process string, held map[number]string) (partition string, ok bool) {
	files, err := folder.Names(filepath.Join(process, "fd"))
	if err != nil {
		return "", false
	}
	for _, file := range files {
		path, err := os.Readlink(filepath.Join(process, "fd", file))
		if err != nil {
			continue
		}
		if partition, ok := r.heldPath(held, path); ok {
			return partition, true
		}
	}
	return "", false
}

// heldPath tells whether path is a node of one of the devices. Only paths below /dev are looked
// at: others can lie on a file system that does not answer.
func (r root) heldPath(held map[number]string, path string) (partition string, ok bool) {
	var st unix.Stat_t
	if !strings.HasPrefix(path, r.path("dev")+"/") || unix.Stat(path, &st) != nil {
		return "", false
	}
	for n, partition := range held {
		if n.is(&st) {
			return partition, true
		}
	}
	return "", false
}

// unescape undoes the octal escapes of /proc's tables: \040 is a space.
func unescape(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				out.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		out.WriteByte(s[i])
	}
	return out.String()
}
