#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
#
# dracut: takes the place of the module "crypt".

orthrus=@SBINDIR@/orthrus

# called by dracut
check() {
	[[ -x $orthrus ]] || return 1
	return 255
}

# called by dracut
depends() { echo dm rootfs-block; }

# called by dracut
installkernel() {
	local modules
	instmods dm_crypt
	# shellcheck disable=SC2154 # kernel is dracut's
	mapfile -t modules < <("$orthrus" mkinitramfs --kernel "$kernel" --list modules)
	hostonly='' instmods "${modules[@]}"
}

# called by dracut
install() {
	local file
	inst_binary "$orthrus" /usr/sbin/orthrus
	# By this name an ssh server in the image has a boot answered.
	# shellcheck disable=SC2154 # initdir, kernel, moddir and the others are dracut's
	ln -sf orthrus "$initdir/usr/sbin/cryptroot-unlock"
	"$orthrus" mkinitramfs --kernel "$kernel" ${orthrus_keys:+--include-keys} --list crypttab >"$initdir/etc/crypttab"
	"$orthrus" mkinitramfs --kernel "$kernel" --list veritytab >"$initdir/etc/veritytab"
	while read -r file; do
		inst_simple "$file"
	done < <("$orthrus" mkinitramfs --kernel "$kernel" ${orthrus_keys:+--include-keys} --list files)
	if dracut_module_included systemd; then
		# shellcheck disable=SC2154
		inst_simple "$moddir/orthrus-boot.service" "$systemdsystemunitdir/orthrus-boot.service"
		# shellcheck disable=SC2154
		$SYSTEMCTL -q --root "$initdir" enable orthrus-boot.service
	else
		# shellcheck disable=SC2154
		inst_hook initqueue/settled 30 "$moddir/orthrus-boot.sh"
	fi
	dracut_need_initqueue
}
