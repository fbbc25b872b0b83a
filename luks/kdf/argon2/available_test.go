// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"testing"
	"testing/fstest"
)

func files(contents map[string]string) fstest.MapFS {
	root := fstest.MapFS{}
	for name, text := range contents {
		root[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return root
}

const meminfo = "MemTotal:       24683604 kB\nMemFree:  100 kB\nMemAvailable:    2048 kB\nSwapFree:     1024 kB\n"

func TestAvailableMemoryIsWhatMachineAndControlGroupsLeave(t *testing.T) {
	for name, v := range map[string]struct {
		contents map[string]string
		want     remainder
		known    bool
	}{
		"nothing mounted": {nil, remainder{}, false},
		"machine only":    {map[string]string{"proc/meminfo": meminfo}, remainder{2 << 20, 1 << 20}, true},
		"old kernel":      {map[string]string{"proc/meminfo": "MemFree: 5 kB\n"}, remainder{}, false},
		"version 2, limit on a parent": {map[string]string{
			"proc/meminfo":                                         meminfo,
			"proc/self/cgroup":                                     "0::/system.slice/unlock.service\n",
			"sys/fs/cgroup/memory.max":                             "max\n",
			"sys/fs/cgroup/system.slice/memory.max":                "1000000\n",
			"sys/fs/cgroup/system.slice/memory.current":            "700000\n",
			"sys/fs/cgroup/system.slice/memory.stat":               "anon 500000\ninactive_file 150000\nactive_file 50000\n",
			"sys/fs/cgroup/system.slice/unlock.service/memory.max": "max\n",
		}, remainder{ram: 500000}, true},
		"version 2, full": {map[string]string{
			"proc/meminfo":                   meminfo,
			"proc/self/cgroup":               "0::/a\n",
			"sys/fs/cgroup/a/memory.max":     "1000\n",
			"sys/fs/cgroup/a/memory.current": "1500\n",
		}, remainder{}, true},
		"version 1": {map[string]string{
			"proc/self/cgroup":                             "9:name=systemd:/\n4:memory:/x\n0::/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes":   "9223372036854771712\n",
			"sys/fs/cgroup/memory/x/memory.limit_in_bytes": "4096\n",
			"sys/fs/cgroup/memory/x/memory.usage_in_bytes": "1024\n",
		}, remainder{ram: 3072}, true},
		"group larger than the machine": {map[string]string{
			"proc/meminfo":               meminfo,
			"proc/self/cgroup":           "0::/a\n",
			"sys/fs/cgroup/a/memory.max": "99999999999\n",
		}, remainder{2 << 20, 1 << 20}, true},
		"nonsense": {map[string]string{"proc/self/cgroup": "\n:\n0:\n0::\n::::\n", "proc/meminfo": "MemAvailable: x kB\n"}, remainder{}, false},
	} {
		if left, known := available(files(v.contents)); left != v.want || known != v.known {
			t.Errorf("%s: %+v, %v, want %+v, %v", name, left, known, v.want, v.known)
		}
	}
}

func TestThisMachineTellsItsMemory(t *testing.T) {
	if n, known := Available(); !known || n < 1<<20 {
		t.Errorf("%d bytes, %v", n, known)
	}
}
