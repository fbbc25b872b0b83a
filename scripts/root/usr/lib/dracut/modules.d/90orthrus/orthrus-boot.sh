#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dracut without systemd: unlocks once, when the devices that are there at the
# start are known; orthrus waits for the others.

[ ! -e /run/orthrus-booted ] || return 0 2>/dev/null || exit 0
: >/run/orthrus-booted
if ! /usr/sbin/orthrus boot; then
	echo "orthrus: the root stays locked; the machine reboots." >/dev/console
	sleep 5
	reboot -f
	exec sleep 2147483647
fi
