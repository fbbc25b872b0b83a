// SPDX-License-Identifier: Apache-2.0

package cli

// Names of common options by what they are about, for Verb.Takes.
const (
	OfHeader        = "header disable-locks "
	OfWriter        = OfHeader + "dry-run "
	OfPassphrase    = "key-file keyfile-offset keyfile-size timeout verify-passphrase allow-high-cost "
	OfNewPassphrase = "new-keyfile-offset new-keyfile-size "
	OfTokens        = "token-id token-type token-only disable-external-tokens " + ofTPM + "pin-file "
	ofTPM           = "tpm2-device tpm2-signature tpm2-pcrlock "
	OfVolumeKey     = "volume-key-file volume-key-keyring "
	OfCosts         = "pbkdf-memory pbkdf-parallel hash "
	OfNewKeyslot    = OfCosts + "iter-time pbkdf pbkdf-force-iterations keyslot-cipher keyslot-key-size "
	OfMapping       = "readonly disable-keyring "
)
