# shellcheck shell=sh
# SPDX-License-Identifier: Apache-2.0
#
# Sourced by the scripts that fetch from Debian's archive.

# shellcheck disable=SC2034 # used by those who source this
cache=${ORTHRUS_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/orthrus}
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

is_debian() {
	# shellcheck disable=SC1091 # the machine's own file
	[ -r /etc/os-release ] && (. /etc/os-release && [ "$ID" = debian ]) && command -v apt-get >/dev/null
}

run_as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo "$@"
	else
		die "run this as root, or install sudo: $*"
	fi
}

# mirror is the first address of the Debian archive in this machine's sources.
mirror() {
	# shellcheck disable=SC2016 # apt's own variables
	apt-get indextargets --format '$(REPO_URI) $(ORIGIN) $(COMPONENT) $(CODENAME)' 'Created-By: Packages' |
		awk '$2 == "Debian" && $3 == "main" && $4 !~ /security|updates|backports/ { print $1; exit }'
}

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}
