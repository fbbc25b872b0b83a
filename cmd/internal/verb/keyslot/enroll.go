// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token"
	"github.com/orthrus-luks/orthrus/luks/token/recoverykey"
)

// enrollOptions are those that only enroll takes.
type enrollOptions struct {
	tpmOptions
	recoveryKey     bool
	withoutRecovery bool
}

// Enroll declares the verb.
func Enroll() verb.Verb {
	var o enrollOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "enroll", Group: cli.GroupKeys, Args: "<add|check|list|remove> <device> [<key slot or kind>]",
			MinArgs: 2, Own: true,
			Summary: "enrol the TPM and recovery keys; show, check and remove what tokens open",
			Takes:   cli.OfWriter + cli.OfPassphrase + cli.OfTokens + cli.OfVolumeKey + "key-slot json",
			Options: append(o.tpmOptions.options(), []cli.Option{
				{Long: "recovery-key", Into: &o.recoveryKey, Help: "make a recovery key, and show it once"},
				{
					Long: "without-recovery", Into: &o.withoutRecovery,
					Help: "remove the last keyslot that opens by a passphrase or recovery key, too",
				},
			}...),
			Rules: []cli.Rule{o.actionRule},
			About: []string{
				"add --recovery-key makes a recovery key as systemd-cryptenroll does, 64 letters in 8 groups: it " +
					"opens a keyslot of its own, which a token marks. It is tried before anything is written, " +
					"keyslot and token come with one commit, and it goes to standard output once; with -q nothing " +
					"else does. open and boot take it with or without its dashes, in capital or small letters; " +
					"other tools want it as it was shown.",
				"add --tpm2 seals the passphrase of a new keyslot in the TPM, as systemd-cryptenroll from 254 on " +
					"does, so that systemd opens it, too. The TPM gives it back while the registers of --tpm2-pcrs " +
					"hold what they hold now, or the value that is said: 7:sha256=HEX. With --tpm2-with-pin it " +
					"wants a PIN as well, and counts wrong ones. The token is opened before anything is written.",
				"check tells of each token whether it would open the volume now, without asking for a PIN and " +
					"without touching what counts wrong ones. It fails unless all do.",
				"list shows each keyslot with what its tokens say: password for one without, recovery, tpm2, " +
					"fido2, pkcs11, clevis, keyring, other, conflict where they are of several kinds, or " +
					"reencryption. It goes by their texts alone, and touches no hardware and no server.",
				"remove destroys a keyslot, or all of a kind, with their tokens in one commit, after a " +
					"passphrase of another keyslot was shown. It refuses to leave nothing that a person can type, " +
					"unless --without-recovery says so, and never takes the last keyslot that opens the data.",
			},
			Report: enrollReport(),
			Examples: []cli.Example{
				{What: "Make a recovery key and write it down:", Line: "orthrus enroll add --recovery-key /dev/sdb2"},
				{What: "Let the TPM open it while Secure Boot is as now:", Line: "orthrus enroll add --tpm2 /dev/sdb2"},
				{What: "What opens this volume:", Line: "orthrus enroll list /dev/sdb2"},
				{What: "Remove every TPM's keyslot:", Line: "orthrus enroll remove /dev/sdb2 tpm2"},
			},
			SeeAlso: []string{"luksAddKey", "luksKillSlot", "token"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return enroll(ctx, c, &o) },
	}
}

func (o *enrollOptions) actionRule(inv *cli.Invocation) string {
	switch sub := inv.Args[0]; {
	case sub != "add" && sub != "check" && sub != "list" && sub != "remove":
		return "Invalid enroll action: add, check, list or remove."
	case sub == "add" && o.recoveryKey == o.tpm2:
		return "One of the options --recovery-key and --tpm2 is mandatory for enroll add."
	case sub != "add" && (o.recoveryKey || o.tpm2):
		return "Options --recovery-key and --tpm2 are for enroll add."
	case sub != "remove" && o.withoutRecovery:
		return "Option --without-recovery is for enroll remove."
	case sub != "list" && sub != "check" && inv.Options.JSON:
		return "Option --json is for enroll list and check."
	case sub != "add" && inv.Options.KeySlot.Set:
		return "Option --key-slot is for enroll add."
	case sub == "remove" && len(inv.Args) != 3:
		return "enroll remove: requires <device> <key slot or kind> as arguments"
	case sub != "remove" && len(inv.Args) != 2:
		return "enroll " + sub + ": requires <device> as argument"
	}
	return o.tpmOptions.rule()
}

// enroll works on keyslots together with their tokens.
func enroll(ctx context.Context, c *verb.Command, o *enrollOptions) error {
	does := map[string]func(context.Context, *verb.Command, *enrollOptions, *volume.Volume) error{
		"add": enrollAdd, "check": enrollCheck, "list": enrollList, "remove": enrollRemove,
	}[c.Args[0]]
	a := volume.Changed
	switch c.Args[0] {
	case "list", "check":
		a = volume.Report
	case "remove":
		a = volume.Removing
	}
	c.Args = c.Args[1:]
	v, err := volume.Load(ctx, c, a)
	if err != nil {
		return err
	}
	defer v.Close()
	if v.Version != 2 {
		return verb.Failure(ui.Failed, "Device %s is LUKS1, which has no tokens.", v.Path)
	}
	return does(ctx, c, o, v)
}

// recoveryCosts are those of systemd: a secret of 256 bits needs no more.
var recoveryCosts = kdf.Params{Type: kdf.PBKDF2, Hash: "sha512", Iterations: 1000}

// enrollAdd makes a recovery key or a token of the TPM.
func enrollAdd(ctx context.Context, c *verb.Command, o *enrollOptions, v *volume.Volume) error {
	id := keys.AnyOrSlot(c)
	if err := errors.Join(v.CheckLeftovers(), v.CheckRequirements(), keys.SlotInRange(v.Version, id),
		slotFree(v, id)); err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, keys.Unlocking{
		Prompt: promptAny, Keyslot: luks.AnyKeyslot, VolumeKey: true, Tokens: keys.TokensNamed,
	})
	if err != nil {
		return err
	}
	defer key.Close()
	if o.tpm2 {
		return enrollTPM(ctx, c, &o.tpmOptions, v, key)
	}
	return enrollRecovery(ctx, c, v, key)
}

// enrollRecovery makes a recovery key, and shows it.
func enrollRecovery(ctx context.Context, c *verb.Command, v *volume.Volume, key *luks.Key) error {
	recovery, err := recoverykey.New()
	if err != nil {
		return err
	}
	defer recovery.Close()
	defer withoutSIGPIPE()()
	n := luks.NewKeyslot{ID: luks.At(keys.AnyOrSlot(c)), KDF: recoveryCosts, Hash: recoveryCosts.Hash}
	if !c.Opt.DryRun {
		c.UI.Sayf("The recovery key, which is shown this once:")
		if err := showRecovery(c, recovery); err != nil {
			return err
		}
	}
	id, at, err := v.Enroll(ctx, key, recovery.Bytes(), n, token.NewRecovery())
	if err != nil {
		recoveryIsIdle(c, v, err)
		return enrollError(err)
	}
	if c.Opt.DryRun {
		return nil
	}
	c.UI.Sayf("Keyslot %d created for it%s, with token %d.", id, v.AndFar(), at)
	c.UI.Advisef("Keep the key where the volume is not. It is typed like a passphrase.")
	c.AdviseBackup("Header backups from before lack it; make a new one:", v.Path)
	return nil
}

// enrollError says what keeps a keyslot and its token from being made.
func enrollError(err error) error {
	if errors.Is(err, luks.ErrTokensFull) {
		return verb.Failure(ui.Failed, "No free token slot.")
	}
	return keys.SlotError(err)
}

// enrollRemove destroys a keyslot, or all keyslots of a kind, with their tokens.
func enrollRemove(ctx context.Context, c *verb.Command, o *enrollOptions, v *volume.Volume) error {
	ids, err := chosen(v, c.Args[1])
	if err := errors.Join(err, v.CheckLeftovers(), v.CheckRequirements()); err != nil {
		return err
	}
	rest := v
	for _, id := range ids {
		if slot, err := rest.Keyslot(id); err == nil && rest.Last(slot) {
			return stays(v, id, luks.ErrLastKey)
		}
		rest = rest.Without(id)
	}
	key, err := prove(ctx, c, rest)
	if err != nil {
		return err
	}
	return errors.Join(disenroll(ctx, c, o, v, ids, key), key.Close())
}

// chosen are the keyslots that an argument names by number or kind.
func chosen(v *volume.Volume, name string) (ids []int, err error) {
	if id, err := strconv.ParseUint(name, 10, 31); err == nil {
		if _, err := v.Keyslot(int(id)); err != nil {
			return nil, verb.Failure(ui.Failed, "Keyslot %d is not active.", id)
		}
		return []int{int(id)}, nil
	}
	for _, row := range enrolled(v) {
		if row.Kind == name {
			ids = append(ids, row.Keyslot)
		}
	}
	if len(ids) == 0 {
		return nil, verb.Failure(ui.Failed, "No keyslot of %s is of kind %s.", v.Path, name)
	}
	return ids, nil
}

func disenroll(ctx context.Context, c *verb.Command, o *enrollOptions, v *volume.Volume, ids []int,
	by *luks.Key,
) error {
	marks := token.Marks
	if o.withoutRecovery {
		marks = nil
	}
	before, lone := v.Before(), tokensOf(v, ids...)
	err := v.Disenroll(ctx, ids, by, marks)
	var refused *luks.KeyslotError
	if errors.As(err, &refused) {
		return stays(v, refused.Keyslot, err)
	}
	if err == nil {
		tellDisenrolled(c, v, ids, lone)
	}
	return guarded.Settle(ctx, c, before, v.Device(), err)
}

// stays says why a keyslot that was to be removed is not.
func stays(v *volume.Volume, id int, err error) error {
	text := ""
	switch {
	case errors.Is(err, luks.ErrLastKey):
		text = "no other keyslot opens the data of %s."
	case errors.Is(err, luks.ErrNobody):
		text = "without it nothing opens %s that a person can type. Make a recovery key first, or add " +
			"--without-recovery. Nothing was changed."
	default:
		return err
	}
	return &verb.Notice{
		Text: fmt.Sprintf("Keyslot %d stays: "+text, id, v.Path), Code: ui.Failed, Err: err,
	}
}

func tellDisenrolled(c *verb.Command, v *volume.Volume, ids []int, lone []luks2.Token) {
	last := len(ids) - 1
	for _, id := range ids[:last] {
		c.UI.Sayf("Keyslot %d destroyed.", id)
	}
	tellRemoved(c, v, ids[last])
	for _, t := range lone {
		c.UI.Sayf("Token %d (%s) went with it.", t.ID, t.Type)
	}
}
