// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"strings"
	"sync"
)

// The order of options in the synopsis, in which options that an action does not take are reported
// too: cryptsetup's, which scripts compare, then ours. An option that is named here nowhere comes
// after them, in the order in which verbs declare theirs. perf-* stands for all flags of that name.
const (
	cryptsetupOrder = "help usage version active-name align-payload allow-discards batch-mode cancel-deferred cipher debug " +
		"debug-json decrypt deferred device-size disable-blkid disable-external-tokens disable-keyring " +
		"disable-locks disable-veracrypt dump-json-metadata dump-volume-key encrypt external-tokens-path " +
		"force-password force-offline-reencrypt force-no-keyslots hash header header-backup-file hotzone-size " +
		"hw-opal hw-opal-factory-reset hw-opal-only init-only integrity integrity-inline integrity-key-size " +
		"integrity-legacy-padding integrity-no-journal integrity-no-wipe iter-time iv-large-sectors json-file " +
		"keep-key key-description key-file key-size key-slot keyfile-offset keyfile-size keyslot-cipher " +
		"keyslot-key-size label link-vk-to-keyring luks2-keyslots-size luks2-metadata-size new-keyfile " +
		"new-keyfile-offset new-keyfile-size new-key-description new-key-size new-key-slot new-token-id " +
		"new-volume-key-file new-volume-key-keyring offset pbkdf pbkdf-force-iterations pbkdf-memory " +
		"pbkdf-parallel perf-* persistent priority progress-json progress-frequency readonly " +
		"reduce-device-size refresh resilience resilience-hash resume-only sector-size " +
		"serialize-memory-hard-pbkdf shared size skip subsystem test-args test-passphrase timeout token-id " +
		"token-only token-replace token-type tcrypt-backup tcrypt-hidden tcrypt-system tries type unbound " +
		"use-random use-urandom uuid veracrypt veracrypt-pim veracrypt-query-pim verbose verify-passphrase " +
		"volume-key-file volume-key-keyring block-size new use-directio use-fsync write-log dump-master-key " +
		"master-key-file "
	ownOrder = "allow-high-cost json dry-run boot map svg choose ignore-clones undo find once check-config config " +
		"metrics link-for-guard null-cipher far-header no-far-header force-small cancel shrink-data search forget-newer " +
		"from-far header-from-far crypttab cmdline main-system device-timeout on-failure degraded console answer " +
		"output kernel module generic list include-keys sysroot tpm2-device tpm2-signature tpm2-pcrlock pin-file "

	firstOwn = "allow-high-cost"
)

// order gives each name its place.
var order = sync.OnceValue(func() map[string]int {
	places := map[string]int{}
	names := strings.Replace(cryptsetupOrder, "perf-*", strings.Join(performanceFlags(), " "), 1)
	for i, name := range strings.Fields(names + ownOrder) {
		places[name] = i
	}
	return places
})

// place is where an option stands in the synopsis.
func place(long string) int {
	if i, named := order()[long]; named {
		return i
	}
	return len(order())
}
