// SPDX-License-Identifier: Apache-2.0

package vectors

import "testing"

func TestEveryMalformedVolumeStatesItsExpectation(t *testing.T) {
	names := map[string]bool{}
	for _, m := range MalformedVolumes() {
		if names[m.key()] {
			t.Errorf("%s is made twice", m.key())
		}
		names[m.key()] = true
		if m.Expect != Accept && m.Expect != Repair && m.Expect != Refuse || m.Expect == m.Peer || (m.Peer == "") != (m.Why == "") {
			t.Errorf("%s: expects %q, of cryptsetup %q, since %q", m.key(), m.Expect, m.Peer, m.Why)
		}
	}
	if len(names) < 300 {
		t.Errorf("%d volumes", len(names))
	}
}
