// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

func TestAVolumeFollowsItsDeviceAtBoot(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		node := machine.Plug(t, machine.Disk{Name: "grows", Size: 1 << 30})
		t.Cleanup(func() { machine.Unplug(t, "grows") })
		t.Cleanup(func() { clearHeads(t, node) })
		key := t.TempDir() + "/key"
		write(t, key, "one")
		run(t, "orthrus", "luksFormat", "-q", "--far-header", "--uuid", uuidA, "--key-file", key, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", node)
		b := boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"one"}}
		b.run().expect(0, "root=opened")
		before := run(t, "dmsetup", "table", "root")
		run(t, "orthrus", "close", "root")
		machine.Resize(t, "grows", 2<<30)
		b = boot{t: t, tab: "root UUID=" + uuidA, answers: []string{"one"}}
		b.run().expect(0, "root=opened", "root has grown with its device, to ")
		after := run(t, "dmsetup", "table", "root")
		if strings.Fields(before)[1] == strings.Fields(after)[1] {
			t.Errorf("before %safter %s", before, after)
		}
		run(t, "orthrus", "close", "root")
	})
}
