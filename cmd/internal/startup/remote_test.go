// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"strings"
	"testing"
)

func TestTheNetworkFollowsTheKernelsParameter(t *testing.T) {
	for line, want := range map[string]string{
		"root=/dev/sda1 quiet": "-t|30|",
		"ip=dhcp":              "-t|30|-c|dhcp|-d|",
		"ip=any zip=off":       "-t|30|",
		"ip=dhcp ip=10.0.0.2::10.0.0.1:24::eth0:none": "-t|30|-d|10.0.0.2::10.0.0.1:24::eth0:none",
		"ip=:::::eth1:dhcp":                           "-t|30|-d|:::::eth1:dhcp",
		"ip=off":                                      "",
		"ip=dhcp ip=none":                             "",
	} {
		if got := strings.Join(networkArguments(ipParameter(line)), "|"); got != want {
			t.Errorf("%s: %q, want %q", line, got, want)
		}
	}
}

func TestAnImageWithoutAServerListensNowhere(t *testing.T) {
	stop := listen(t.Context(), "", func(err error) { t.Error(err) })
	stop()
}
