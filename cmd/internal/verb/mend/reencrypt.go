// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
)

// reencryptOptions are those that only reencrypt takes.
type reencryptOptions struct {
	_ [0]func() // no comparison is made of it

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
			Name: "reencrypt", Group: cli.GroupRepair, Args: "<device>", MinArgs: 1,
			Summary: "bring an interrupted reencryption to its end",
			Partly:  onlyResumes,
			Rules:   []cli.Rule{resilienceRule},
			Takes: cli.OfWriter + cli.OfPassphrase + cli.OfVolumeKey + "resume-only resilience resilience-hash " +
				"align-payload device-size disable-blkid iter-time key-description key-size key-slot " +
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
			About: []string{
				"Goes on with a reencryption, encryption or decryption in place of a LUKS2 volume that was " +
					"interrupted, to its end: --resume-only is needed, since none is started. A zone that was being " +
					"rewritten is recovered first, as by repair, and a run whose data are all new is only concluded. " +
					"The volume must not be open.",
				"Both keys are needed. The passphrase is asked for once where it opens a keyslot of each, and " +
					"otherwise for each of them; --key-file and --volume-key-file may be given twice, in any order. " +
					"A run in which everything is new needs the new key alone.",
				"Each zone is recorded, and the record is durable, before the header announces the zone; the header " +
					"calls it new only when its data are durable. It may be cut off at any place, and be called " +
					"again. --dry-run says what the next step is.",
				"A run without resilience is refused: nobody can see whether it crashed. Where you know that it " +
					"was stopped by hand, give it one with --resilience checksum or --resilience journal, which any " +
					"run that moves no data takes. The reencryption of an open volume (--active-name) is refused.",
			},
			Examples: []cli.Example{
				{
					What: "See how the volume stands, and what the next step is:",
					Line: "orthrus reencrypt --resume-only --dry-run /dev/sdb2",
				},
				{
					What: "Go on with a run whose header is in a file:",
					Line: "orthrus reencrypt --resume-only --header h.img /dev/sdb2",
				},
			},
			SeeAlso: []string{"repair", "check", "luksDump"},
		},
		Run: resumeRun,
	}
}

// onlyResumes: no run is started, and none is changed or made on an open volume.
func onlyResumes(inv *cli.Invocation) string {
	o := inv.Options
	switch {
	case !o.ResumeOnly:
		return "reencryption"
	case o.ActiveName.Set:
		return "reencryption of an open volume"
	}
	return ""
}

func resilienceRule(inv *cli.Invocation) string {
	o := inv.Options
	known := !o.Resilience.Set || o.Resilience.V == "checksum" || o.Resilience.V == "journal"
	return cli.Refuse(!known, "Option --resilience takes checksum or journal for a reencryption that is resumed.")
}

func resumeRun(ctx context.Context, c *verb.Command) error {
	path, err := volume.MetadataPath(c)
	if err != nil {
		return err
	}
	if err := volume.ApartOn(ctx, c, path); err != nil {
		return err
	}
	m, err := openMidway(ctx, c, path)
	if err != nil {
		return err
	}
	defer m.Close()
	if !m.underWay() {
		return verb.Failure(ui.Failed, "Device reencryption not in progress.")
	}
	return m.bringHome(ctx, c, true)
}
