// SPDX-License-Identifier: Apache-2.0

// Package token knows the kinds of token that a LUKS2 header can have: what may be shown of one, and
// how a passphrase is got from it. There is one Handler a kind and one table of them; no other package
// names a type. A new kind is a file here with its Handler and a line in the table, and, where it takes
// hardware or a network, a package of its own below this one that knows no tokens.
//
// A token is an object in the header's JSON (LUKS2 On-Disk Format Specification, "Tokens"):
//
//	{"type":"luks2-keyring","keyslots":["0","1"],"key_description":"name of a key"}
//
// Everything in it was chosen by whoever could write to the disk. Read holds it against the rules and the limits of
// its kind from the text alone, before any device is touched; Show is what the plugins of systemd make cryptsetup
// show. The fields of each kind:
//
//	systemd-tpm2      tpm2-blob tpm2-pcrs tpm2-pcr-bank tpm2-primary-alg tpm2-policy-hash tpm2-pin tpm2_pcrlock
//	                  tpm2_pubkey_pcrs tpm2_pubkey tpm2_pubkey_ref tpm2_salt tpm2_srk tpm2_pcrlock_nv
//	                  tpm2_argon2id_memcost tpm2_argon2id_iterations tpm2_argon2id_lanes
//	systemd-fido2     fido2-credential fido2-salt fido2-rp fido2-clientPin-required fido2-up-required
//	                  fido2-uv-required
//	systemd-pkcs11    pkcs11-uri pkcs11-key pkcs11-padding
//	systemd-recovery  (none)
//	clevis            jwe: a JWE in flattened JSON (RFC 7516), whose protected header names the pin
//	luks2-keyring     key_description
package token
