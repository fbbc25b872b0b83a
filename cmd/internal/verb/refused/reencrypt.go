// SPDX-License-Identifier: Apache-2.0

package refused

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
)

// reencryptOptions are those that only reencrypt takes.
type reencryptOptions struct {
	forceOfflineReencrypt bool
	forceNoKeyslots       bool
	hotzoneSize           cli.Value[uint64]
	keepKey               bool
	newKeySize            cli.Value[uint32]
	newVolumeKeyFile      cli.Value[string]
	newVolumeKeyKeyring   cli.Value[string]
}

// Reencrypt declares the verb.
func Reencrypt() verb.Verb {
	var o reencryptOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "reencrypt", Group: cli.GroupRefused, Args: "<device>",
			Summary: "change the volume key of a LUKS2 device",
			Lacks:   "reencryption",
			Takes: "align-payload device-size disable-blkid iter-time key-description key-size key-slot " +
				"keyslot-cipher keyslot-key-size label luks2-keyslots-size luks2-metadata-size offset pbkdf " +
				"pbkdf-force-iterations progress-json sector-size subsystem use-random use-urandom uuid",
			Options: []cli.Option{
				{
					Long: "force-offline-reencrypt", Into: &o.forceOfflineReencrypt, Unlisted: true,
					Help: "reencrypt without looking for an active mapping",
				},
				{
					Long: "force-no-keyslots", Into: &o.forceNoKeyslots, Unlisted: true,
					Help: "reencrypt even though no keyslot will remain",
				},
				{
					Long: "hotzone-size", Arg: "bytes", Into: &o.hotzoneSize, Suffix: true, Unlisted: true,
					Help: "most data to reencrypt in one step",
				},
				{
					Long: "keep-key", Into: &o.keepKey, Unlisted: true,
					Help: "reencrypt with the volume key there is",
				},
				{
					Long: "new-key-size", Arg: "BITS", Into: &o.newKeySize, Unlisted: true,
					Help: "size of the new volume key",
				},
				{
					Long: "new-volume-key-file", Arg: "STRING", Into: &o.newVolumeKeyFile, Unlisted: true,
					Help: "file that holds the new volume key",
				},
				{
					Long: "new-volume-key-keyring", Arg: "STRING", Into: &o.newVolumeKeyKeyring, Unlisted: true,
					Help: "kernel key that is the new volume key",
				},
			},
		},
	}
}
