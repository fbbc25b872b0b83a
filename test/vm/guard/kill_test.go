// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// Killed at random moments while it mends a disk, the guard leaves a volume that opens, and the next
// one finishes the work.
func killedAtRandom(t *testing.T) {
	const rounds = 50
	node := machine.Plug(t, machine.Disk{Name: "victim", Size: 8 * mib})
	uuid := format(t, node)
	whole := read(t, node, beginning)
	startGuard(t, "").stop(t)
	r := rand.New(rand.NewPCG(6, 2))
	for round := range rounds {
		g := startGuard(t, "repair = proven\nsettle = 10ms")
		write(t, node, make([]byte, headSize), int64(r.IntN(2))*headSize)
		time.Sleep(time.Duration(r.IntN(400)) * time.Millisecond)
		_ = g.process.Process.Signal(syscall.SIGKILL)
		<-g.ended
		withVolume(t, node, false, func(_ context.Context, v *luks.Volume) error {
			if v.UUID != uuid {
				t.Errorf("round %d: UUID %s", round, v.UUID)
			}
			return nil
		})
		g = startGuard(t, "repair = proven\nsettle = 10ms")
		eventually(t, node, "mended", func(v *watched) bool { return v.Verdict == "healthy" })
		g.stop(t)
		if d := differs(read(t, node, beginning), whole, true); d != "" {
			t.Fatalf("round %d: %s", round, d)
		}
	}
	t.Logf("%d rounds", rounds)
	machine.Unplug(t, "victim")
}
