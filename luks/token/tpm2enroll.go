// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token/tpm"
)

// The kinds of failure to enrol in a TPM.
var (
	// ErrUnmeasured refuses registers that nothing was measured into.
	ErrUnmeasured = errors.New("nothing was measured into these registers, which every system then leaves alike")
	// ErrUnguarded refuses a token without registers and PIN.
	ErrUnguarded = errors.New("without registers and PIN the TPM gives its secret to whatever starts on this machine")
	// ErrMixedBanks: registers of several banks.
	ErrMixedBanks = errors.New("all registers must be of one bank")
	// ErrUntried: the secret did not come back as it was sealed.
	ErrUntried = errors.New("the TPM did not give back what it had sealed")
)

// secretSize is that of what the TPM keeps, and saltSize that of a PIN's salt, bytes.
const (
	secretSize = 32
	saltSize   = 32
)

// TPM2Enrolment says what a new token of the TPM is to demand.
type TPM2Enrolment struct {
	Device string
	PCRs   []PCRValue     // those with a value are bound to it, the others to what they hold now
	PIN    *secret.Buffer // nil for none; stays the caller's
	// Unmeasured lets what is said against ErrUnmeasured and ErrUnguarded pass.
	Unmeasured bool
	// Rehearse leaves the TPM as it is: there must be a storage key already, else tpm.ErrNoKey.
	Rehearse bool
}

// NewTPM2 is a token that is ready to be written.
type NewTPM2 struct {
	Passphrase *secret.Buffer // of the keyslot; the caller closes it
	Text       json.RawMessage
	// Tried: the token was opened as it will be. Registers that are to have other values than now forbid that.
	Tried bool
	// MadeKey: the TPM had no storage key, and has one now.
	MadeKey bool
}

// EnrollTPM2 seals a new secret, and opens it as its token will be before it returns.
func EnrollTPM2(ctx context.Context, e TPM2Enrolment) (n NewTPM2, err error) {
	client, err := openTPM(ctx, e.Device, 0)
	if err != nil {
		return n, err
	}
	n, err = e.enroll(ctx, client)
	if err = errors.Join(err, client.Close()); err == nil && n.Tried {
		err = n.try(ctx, &e)
	}
	if err != nil {
		return NewTPM2{}, errors.Join(err, n.Passphrase.Close())
	}
	return n, nil
}

func (e *TPM2Enrolment) enroll(ctx context.Context, c *tpm.Client) (n NewTPM2, err error) {
	bank, values, err := e.values(ctx, c)
	if err != nil {
		return n, err
	}
	v := TPM2{Bank: bank.String(), PIN: e.PIN != nil}
	policy := tpm.NewPolicy(tpm.SHA256)
	if len(e.PCRs) > 0 {
		for _, p := range e.PCRs {
			v.PCRs = append(v.PCRs, p.Number)
		}
		policy = policy.PCRs(bank, v.PCRs, values)
	}
	if v.PIN {
		policy = policy.AuthValue()
		v.Salt = make([]byte, saltSize)
		if _, err := rand.Read(v.Salt); err != nil {
			return n, err
		}
	}
	srk, made, err := e.storageKey(ctx, c)
	if err != nil {
		return n, err
	}
	n.MadeKey = made
	if n.Tried, err = e.holdsNow(ctx, c, bank, v.PCRs, values); err != nil {
		return n, err
	}
	sealed, err := v.seal(ctx, c, srk, policy, e.PIN, &n)
	if err != nil {
		return n, err
	}
	n.Text, err = v.text(sealed, policy, srk)
	return n, err
}

func (e *TPM2Enrolment) storageKey(ctx context.Context, c *tpm.Client) (srk tpm.Parent, made bool, err error) {
	if e.Rehearse {
		srk, err = c.ReadParent(ctx, tpm.HandleSRK)
		return srk, false, err
	}
	return c.PersistentSRK(ctx)
}

// values are those that the registers are to have, in the bank that was said or is in use.
func (e *TPM2Enrolment) values(ctx context.Context, c *tpm.Client) (bank tpm.Hash, values [][]byte, err error) {
	if len(e.PCRs) == 0 {
		if e.PIN == nil && !e.Unmeasured {
			err = ErrUnguarded
		}
		return tpm.SHA256, nil, err
	}
	var numbers []int
	word := ""
	for _, p := range e.PCRs {
		if numbers = append(numbers, p.Number); p.Bank != "" && word != "" && p.Bank != word {
			return 0, nil, ErrMixedBanks
		}
		word = max(word, p.Bank)
	}
	if bank, _ = tpm.HashNamed(word); word == "" {
		bank, err = BestBank(ctx, c, numbers)
	}
	if err == nil {
		values, err = c.ReadPCRs(ctx, bank, numbers)
	}
	if err != nil {
		return bank, nil, err
	}
	for i, p := range e.PCRs {
		if len(p.Value) > 0 && len(p.Value) != bank.Size() {
			return bank, nil, fmt.Errorf("the value of register %d is not as long as those of %v", p.Number, bank)
		}
		if len(p.Value) > 0 {
			values[i] = p.Value
		}
	}
	if !InUse(values) && !e.Unmeasured {
		err = ErrUnmeasured
	}
	return bank, values, err
}

// holdsNow tells whether the registers have these values already.
func (e *TPM2Enrolment) holdsNow(ctx context.Context, c *tpm.Client, bank tpm.Hash, pcrs []int, values [][]byte,
) (bool, error) {
	now, err := c.ReadPCRs(ctx, bank, pcrs)
	return slices.EqualFunc(now, values, slices.Equal[[]byte]), err
}

// seal draws the secret and makes the keyslot's passphrase of it.
func (v *TPM2) seal(ctx context.Context, c *tpm.Client, srk tpm.Parent, policy tpm.Policy, typed *secret.Buffer,
	n *NewTPM2,
) (sealed tpm.Sealed, err error) {
	data, err := secret.New(secretSize)
	if err != nil {
		return sealed, err
	}
	defer data.Close()
	if _, err := rand.Read(data.Bytes()); err != nil {
		return sealed, err
	}
	var p tpmPIN
	if typed != nil {
		if p, err = v.derivePIN(ctx, typed.Bytes()); err != nil {
			return sealed, err
		}
		defer p.Close()
	}
	if n.Passphrase, err = p.passphrase(data); err != nil {
		return sealed, err
	}
	return c.Seal(ctx, srk, policy, data.Bytes(), p.auth())
}

// text is the token as systemd-cryptenroll from 254 on writes it, without its keyslot.
func (v *TPM2) text(sealed tpm.Sealed, policy tpm.Policy, srk tpm.Parent) (json.RawMessage, error) {
	pcrs := v.PCRs
	if pcrs == nil {
		pcrs = []int{}
	}
	key := binary.BigEndian.AppendUint32(nil, srk.Handle)
	key = slices.Concat(key, tpm.Sized(srk.Name()), []byte{0, 0, 0, 1}, tpm.Sized(srk.Public))
	return json.Marshal(struct {
		Type     string   `json:"type"`
		Keyslots []string `json:"keyslots"`
		Blob     []byte   `json:"tpm2-blob"`
		PCRs     []int    `json:"tpm2-pcrs"`
		Bank     string   `json:"tpm2-pcr-bank"`
		Primary  string   `json:"tpm2-primary-alg"`
		Policy   string   `json:"tpm2-policy-hash"`
		PIN      bool     `json:"tpm2-pin,omitempty"`
		Salt     string   `json:"tpm2_salt,omitempty"`
		SRK      []byte   `json:"tpm2_srk"`
	}{
		"systemd-tpm2",
		[]string{},
		sealed.Blob(), pcrs, v.Bank, srk.Kind(), hex.EncodeToString(policy.Digest), v.PIN,
		base64.StdEncoding.EncodeToString(v.Salt), key,
	})
}

// try opens the token as its text says, and compares.
func (n *NewTPM2) try(ctx context.Context, e *TPM2Enrolment) error {
	help := Help{
		Option: func(name string) (string, bool) {
			if name == "tpm2-device" {
				return e.Device, true
			}
			return "", false
		},
		Ask: func(context.Context, Question) (*secret.Buffer, error) {
			return secret.Copy(e.PIN.Bytes())
		},
	}
	got, err := tpm2{}.Passphrase(ctx, luks2.Token{Type: "systemd-tpm2", Raw: n.Text}, help)
	if err != nil {
		return err
	}
	if !got.Equal(n.Passphrase.Bytes()) {
		err = ErrUntried
	}
	return errors.Join(err, got.Close())
}
