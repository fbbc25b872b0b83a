// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/token"
	"github.com/orthrus-luks/orthrus/luks/token/tpm"
)

// usualPCRs is the state of Secure Boot, which systemd-cryptenroll bound to up to 257.
const usualPCRs = "7"

// tpmOptions are those of a token of the TPM.
type tpmOptions struct {
	tpm2       bool
	pcrs       cli.Value[string]
	withPIN    bool
	unmeasured bool
}

func (o *tpmOptions) options() []cli.Option {
	return []cli.Option{
		{Long: "tpm2", Into: &o.tpm2, Help: "make a token that the TPM opens"},
		{
			Long: "tpm2-pcrs", Arg: "PCR[+PCR...]", Into: &o.pcrs,
			Help: "registers that the token is bound to, such as 7+4:sha256 (default: 7; none with an empty text)",
		},
		{Long: "tpm2-with-pin", Into: &o.withPIN, Help: "the TPM is to want a PIN"},
		{
			Long: "allow-unmeasured", Into: &o.unmeasured,
			Help: "bind to registers that nothing was measured into, or to none",
		},
	}
}

// rule refuses options that go with --tpm2 only.
func (o *tpmOptions) rule() string {
	if !o.tpm2 && (o.pcrs.Set || o.withPIN || o.unmeasured) {
		return "Options --tpm2-pcrs, --tpm2-with-pin and --allow-unmeasured go with --tpm2."
	}
	if _, _, err := token.ParsePCRs(o.pcrs.V); err != nil {
		return fmt.Sprintf("Option --tpm2-pcrs: %v.", err)
	}
	return ""
}

// enrollTPM makes a token of the TPM. The header is written to once, and only after the token was opened.
func enrollTPM(ctx context.Context, c *verb.Command, o *tpmOptions, v *volume.Volume, key *luks.Key) error {
	e := token.TPM2Enrolment{
		Device: c.Opt.TPM2Device.V, Unmeasured: o.unmeasured, Rehearse: c.Opt.DryRun,
	}
	_, e.PCRs, _ = token.ParsePCRs(o.pcrs.Or(usualPCRs)) // the rule has read it
	var err error
	if o.withPIN {
		if e.PIN, err = newPIN(ctx, c); err != nil {
			return err
		}
		defer e.PIN.Close()
	}
	made, err := token.EnrollTPM2(ctx, e)
	if err != nil {
		return tpmRefusal(err, c.Opt.DryRun)
	}
	defer made.Passphrase.Close()
	n := luks.NewKeyslot{ID: luks.At(keys.AnyOrSlot(c)), KDF: recoveryCosts, Hash: recoveryCosts.Hash}
	id, at, err := v.Enroll(ctx, key, made.Passphrase.Bytes(), n, made.Text)
	if err != nil {
		return enrollError(err)
	}
	if c.Opt.DryRun {
		return nil
	}
	c.UI.Sayf("Keyslot %d created%s, with token %d, which the TPM opens.", id, v.AndFar(), at)
	if made.MadeKey {
		c.UI.Sayf("The TPM had no storage key; it has one now, at 0x%x.", tpm.HandleSRK)
	}
	if !made.Tried {
		c.UI.Sayf("It was not tried: the registers hold other values now than it wants.")
	}
	c.AdviseBackup("Header backups from before lack it; make a new one:", v.Path)
	if !slices.ContainsFunc(enrolled(v), func(k enrolledKeyslot) bool { return k.Kind == "recovery" }) {
		c.UI.Advisef("Make a recovery key, too (enroll add --recovery-key): registers change, and TPMs are cleared.")
	}
	return nil
}

// newPIN asks twice, or reads --pin-file.
func newPIN(ctx context.Context, c *verb.Command) (*secret.Buffer, error) {
	pin, err := keys.PIN(ctx, c, "New PIN for the TPM: ", true)
	if err == nil && pin.Len() == 0 {
		err = verb.Failure(ui.Failed, "An empty PIN is no PIN.")
	}
	return pin, err
}

// tpmRefusal gives errors of the TPM their words.
func tpmRefusal(err error, rehearsal bool) error {
	text, why := "", verb.Reason(err)
	switch {
	case errors.Is(err, token.ErrUnmeasured), errors.Is(err, token.ErrUnguarded):
		text = "No token was made: %s. Choose other registers, or add --allow-unmeasured."
	case rehearsal && errors.Is(err, tpm.ErrNoKey):
		text = "%s, or it never had one. Without --dry-run one is made."
	default:
		text = "The TPM's token cannot be made: %s. Nothing was written to the volume."
	}
	return &verb.Notice{Text: fmt.Sprintf(text, why), Code: ui.Failed, Err: err}
}
