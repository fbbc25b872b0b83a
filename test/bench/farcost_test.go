// SPDX-License-Identifier: Apache-2.0

package main

import "testing"

func TestKeepingTheFarHeaderInStepStaysWithinItsAims(t *testing.T) {
	costs, err := farCosts()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range costs {
		syncs, times := c.more()
		t.Logf("%s: %d syncs, %d more; %d bytes, %.2f times as many more", c.name, c.farSyncs, syncs, c.farWritten, times)
		if syncs < 1 || syncs > farSyncAim || times <= 0 || times > farByteAim {
			t.Errorf("%s: %d syncs and %.2f times the bytes more", c.name, syncs, times)
		}
	}
}
