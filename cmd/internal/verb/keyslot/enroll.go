// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"
	"strconv"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/token"
	"github.com/orthrus-luks/orthrus/luks/token/recoverykey"
)

// enrollOptions are those that only enroll takes.
type enrollOptions struct {
	recoveryKey     bool
	withoutRecovery bool
}

// Enroll declares the verb.
func Enroll() verb.Verb {
	var o enrollOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "enroll", Group: cli.GroupKeys, Args: "<add|list|remove> <device> [<key slot or kind>]",
			MinArgs: 2, Own: true,
			Summary: "enrol recovery keys; show and remove what tokens open",
			Takes:   cli.OfWriter + cli.OfPassphrase + cli.OfTokens + cli.OfVolumeKey + "key-slot json",
			Options: []cli.Option{
				{Long: "recovery-key", Into: &o.recoveryKey, Help: "make a recovery key, and show it once"},
				{
					Long: "without-recovery", Into: &o.withoutRecovery,
					Help: "remove the last keyslot that opens by a passphrase or recovery key, too",
				},
			},
			Rules: []cli.Rule{o.actionRule},
			About: []string{
				"add --recovery-key makes a recovery key as systemd-cryptenroll does, 64 letters in 8 groups: it " +
					"opens a keyslot of its own, which a token marks. It is tried before anything is written, " +
					"keyslot and token come with one commit, and it goes to standard output once; with -q nothing " +
					"else does. open and boot take it with or without its dashes, in capital or small letters; " +
					"other tools want it as it was shown.",
				"list shows each keyslot with what its tokens say: password for one without, recovery, tpm2, " +
					"fido2, pkcs11, clevis, keyring or other. Tokens of hardware and servers are checked as far as " +
					"their text goes, and not used yet.",
				"remove destroys a keyslot, or all of a kind, each with its tokens in one commit, after a " +
					"passphrase of another keyslot was shown. It refuses to leave nothing that a person can type, " +
					"unless --without-recovery says so, and never takes the last keyslot.",
			},
			Report: enrollReport(),
			Examples: []cli.Example{
				{What: "Make a recovery key and write it down:", Line: "orthrus enroll add --recovery-key /dev/sdb2"},
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
	case sub != "add" && sub != "list" && sub != "remove":
		return "Invalid enroll action: add, list or remove."
	case sub == "add" && !o.recoveryKey:
		return "Option --recovery-key is mandatory for enroll add."
	case sub != "add" && o.recoveryKey:
		return "Option --recovery-key is for enroll add."
	case sub != "remove" && o.withoutRecovery:
		return "Option --without-recovery is for enroll remove."
	case sub != "list" && inv.Options.JSON:
		return "Option --json is for enroll list."
	case sub == "remove" && len(inv.Args) < 3:
		return "enroll remove: requires <device> <key slot or kind> as arguments"
	}
	return ""
}

// enroll works on keyslots together with their tokens.
func enroll(ctx context.Context, c *verb.Command, o *enrollOptions) error {
	does := map[string]func(context.Context, *verb.Command, *enrollOptions, *volume.Volume) error{
		"add": enrollAdd, "list": enrollList, "remove": enrollRemove,
	}[c.Args[0]]
	a := volume.Changed
	if c.Args[0] == "list" {
		a = volume.Report
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

// enrollAdd makes a recovery key.
func enrollAdd(ctx context.Context, c *verb.Command, _ *enrollOptions, v *volume.Volume) error {
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
	recovery, err := recoverykey.New()
	if err != nil {
		return err
	}
	defer recovery.Close()
	n := luks.NewKeyslot{ID: id, KDF: recoveryCosts, Hash: recoveryCosts.Hash}
	id, at, err := v.Enroll(ctx, key, recovery.Bytes(), n, token.NewRecovery())
	if err != nil {
		return keys.SlotError(err)
	}
	if c.Opt.DryRun {
		return nil
	}
	c.UI.Sayf("Keyslot %d created%s, with token %d. Its recovery key, which is shown this once:", id, v.AndFar(), at)
	if err := showRecovery(c, recovery); err != nil {
		return errors.Join(err, v.Disenroll(context.WithoutCancel(ctx), id, key, nil))
	}
	c.UI.Advisef("Keep it where the volume is not. It is typed like a passphrase.")
	c.AdviseBackup("Header backups from before lack it; make a new one:", v.Path)
	return nil
}

// showRecovery writes the key to standard output, alone on its line. Who does not get it has no use for its keyslot.
func showRecovery(c *verb.Command, key *secret.Buffer) error {
	line, err := secret.New(key.Len() + 1)
	if err != nil {
		return err
	}
	copy(line.Bytes(), key.Bytes())
	line.Bytes()[key.Len()] = '\n'
	_, err = c.UI.Out.Write(line.Bytes())
	return errors.Join(err, line.Close())
}

// enrollRemove destroys a keyslot, or all keyslots of a kind, with their tokens.
func enrollRemove(ctx context.Context, c *verb.Command, o *enrollOptions, v *volume.Volume) error {
	ids, err := chosen(v, c.Args[1])
	if err != nil {
		return err
	}
	if err := v.CheckLeftovers(); err != nil {
		return err
	}
	proof := v
	for _, id := range ids {
		proof = proof.Without(id)
	}
	key, err := prove(ctx, c, proof)
	if err != nil {
		return err
	}
	defer key.Close()
	for _, id := range ids {
		if err := disenroll(ctx, c, o, v, id, key); err != nil {
			return err
		}
	}
	return nil
}

// chosen are the keyslots that an argument names by number or kind, the highest first.
func chosen(v *volume.Volume, name string) (ids []int, err error) {
	if id, err := strconv.ParseUint(name, 10, 31); err == nil {
		if _, err := v.Keyslot(int(id)); err != nil {
			return nil, verb.Failure(ui.Failed, "Keyslot %d is not active.", id)
		}
		return []int{int(id)}, nil
	}
	rows := enrolled(v)
	for i := len(rows) - 1; i >= 0; i-- {
		if rows[i].Kind == name {
			ids = append(ids, rows[i].Keyslot)
		}
	}
	if len(ids) == 0 {
		return nil, verb.Failure(ui.Failed, "No keyslot of %s is of kind %s.", v.Path, name)
	}
	return ids, nil
}

func disenroll(ctx context.Context, c *verb.Command, o *enrollOptions, v *volume.Volume, id int, by *luks.Key) error {
	marks := token.Marks
	if o.withoutRecovery {
		marks = nil
	}
	before, lone := v.Before(), tokensOf(v, id)
	err := v.Disenroll(ctx, id, by, marks)
	if errors.Is(err, luks.ErrNobody) {
		return &verb.Notice{Text: "Keyslot " + strconv.Itoa(id) + " stays: without it nothing opens " + v.Path +
			" that a person can type. Make a recovery key first, or add --without-recovery.", Code: ui.Failed, Err: err}
	}
	if err == nil {
		tellRemoved(c, v, id)
		for _, t := range lone {
			c.UI.Sayf("Token %d (%s) went with it.", t.ID, t.Type)
		}
	}
	return guarded.Settle(ctx, c, before, v.Device(), err)
}
