// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"bytes"
	"io/fs"
	"math"
	"os"
	"path"
	"strconv"
	"strings"
)

// Available returns the bytes of memory that this process may take at most, swap included; Key
// refuses to take more. Where the kernel does not tell, known is false.
func Available() (n uint64, known bool) {
	left, known := available(machine{})
	return left.ram + left.swap, known
}

// machine is the file system from the root directory on. It can be read, not listed, which keeps the program small.
type machine struct{}

func (machine) Open(name string) (fs.File, error) { return os.Open("/" + name) }

// remainder is memory that may still be taken, in bytes.
type remainder struct{ ram, swap uint64 }

// available returns what this process may take without anybody being killed for it: what the
// kernel says is available, or what the process's control groups leave if that is less. root is
// the root directory.
func available(root fs.FS) (left remainder, known bool) {
	left, known = machineMemory(root)
	for _, group := range memoryGroups(root) {
		if n, ok := groupMemory(root, group); ok && (!known || n < left.ram+left.swap) {
			left, known = remainder{ram: n}, true
		}
	}
	return left, known
}

func machineMemory(root fs.FS) (remainder, bool) {
	info := fields(root, "proc/meminfo")
	free, ok := info["MemAvailable:"]
	return remainder{ram: free * 1024, swap: info["SwapFree:"] * 1024}, ok
}

// groupFiles are the names that a version of control groups has for a limit and what counts towards it.
type groupFiles struct{ limit, usage string }

// memoryGroup is a directory of a control group that may limit memory.
type memoryGroup struct {
	directory string
	files     groupFiles
}

// memoryGroups returns the process's control group and all above it, of both versions.
func memoryGroups(root fs.FS) []memoryGroup {
	text, _ := fs.ReadFile(root, "proc/self/cgroup")
	var groups []memoryGroup
	for line := range strings.Lines(string(text)) { // hierarchy:controllers:path
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) < 3 {
			continue
		}
		switch {
		case parts[0] == "0" && parts[1] == "":
			groups = append(groups, upwards("sys/fs/cgroup", parts[2], groupFiles{"memory.max", "memory.current"})...)
		case parts[1] == "memory":
			groups = append(groups, upwards("sys/fs/cgroup/memory", parts[2],
				groupFiles{"memory.limit_in_bytes", "memory.usage_in_bytes"})...)
		}
	}
	return groups
}

func upwards(mount, group string, files groupFiles) []memoryGroup {
	var groups []memoryGroup
	for group = path.Clean("/" + group); ; group = path.Dir(group) {
		groups = append(groups, memoryGroup{path.Join(mount, group), files})
		if group == "/" {
			return groups
		}
	}
}

// groupMemory returns what a control group leaves: its limit less its use, of which the page cache
// does not count, as the kernel drops it first.
func groupMemory(root fs.FS, g memoryGroup) (uint64, bool) {
	limit, ok := number(root, path.Join(g.directory, g.files.limit))
	if !ok || limit > math.MaxInt64/2 { // version 1 writes "no limit" as a large number, version 2 as "max"
		return 0, false
	}
	used, _ := number(root, path.Join(g.directory, g.files.usage))
	stat := fields(root, path.Join(g.directory, "memory.stat"))
	used -= min(used, stat["inactive_file"]+stat["active_file"])
	return limit - min(limit, used), true
}

// fields reads lines of a name and a number.
func fields(root fs.FS, name string) map[string]uint64 {
	text, _ := fs.ReadFile(root, name)
	values := make(map[string]uint64)
	for line := range bytes.Lines(text) {
		if words := bytes.Fields(line); len(words) >= 2 {
			if v, err := strconv.ParseUint(string(words[1]), 10, 64); err == nil {
				values[string(words[0])] = v
			}
		}
	}
	return values
}

func number(root fs.FS, name string) (uint64, bool) {
	text, _ := fs.ReadFile(root, name)
	v, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	return v, err == nil
}
