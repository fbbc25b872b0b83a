// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sort"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token/tpm"
)

// ErrForbidden: the volume's options do not let the token be used.
var ErrForbidden = errors.New("the options of the volume forbid it")

// ErrNoPIN: no PIN was given, which leaves the token alone.
var ErrNoPIN = errors.New("no PIN was given")

// Effort: a chip takes up to seconds, and a PIN somebody who types it.
func (tpm2) Effort(t luks2.Token) Effort {
	if v, err := parseTPM2(t); err == nil && v.PIN {
		return Attended
	}
	return Patient
}

// Passphrase has the TPM unseal it. What the token's text says is judged before the TPM is touched, and the state of
// the machine before somebody is asked for a PIN. One PIN is tried once: a wrong one counts.
//
// Errors are of ErrBroken, ErrForbidden, ErrAbsent, ErrNoPIN and the kinds of package tpm.
func (h tpm2) Passphrase(ctx context.Context, t luks2.Token, help Help) (*secret.Buffer, error) {
	v, client, err := judgedTPM2(ctx, t, help)
	if err != nil {
		return nil, err
	}
	passphrase, err := v.unsealAll(ctx, client, t.ID, help)
	return passphrase, errors.Join(err, client.Close())
}

// judgedTPM2 reads the token, judges its text and whether the TPM may be asked, and opens that only then.
func judgedTPM2(ctx context.Context, t luks2.Token, help Help) (*TPM2, *tpm.Client, error) {
	v, err := parseTPM2(t)
	if err != nil {
		return nil, nil, err
	}
	f := judging(t)
	v.judge(f)
	if f.err != nil {
		return nil, nil, f.err
	}
	device, err := v.permitted(help)
	if err != nil {
		return nil, nil, err
	}
	client, err := openTPM(ctx, device, help.Patience)
	return &v, client, err
}

// openTPM waits for one that the kernel may still bring up, and tells with ErrAbsent that there is none.
func openTPM(ctx context.Context, device string, patience time.Duration) (*tpm.Client, error) {
	begun := time.Now()
	for {
		client, err := tpm.Open(device)
		if !errors.Is(err, tpm.ErrAbsent) {
			return client, err
		}
		if !tpm.Expected() || time.Since(begun) >= patience {
			return nil, &absentError{err}
		}
		select {
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		case <-time.After(appearing):
		}
	}
}

// appearing is how often to look whether a TPM has appeared.
const appearing = 100 * time.Millisecond

// option is empty where there is none.
func (h Help) option(name string) string {
	if h.Option == nil {
		return ""
	}
	value, _ := h.Option(name)
	return value
}

// permitted returns the TPM to use, unless options forbid it: tpm2-device=no, or another tpm2-pcrs=.
func (v *TPM2) permitted(help Help) (device string, err error) {
	device = help.option("tpm2-device")
	if device == "no" {
		return "", fmt.Errorf("%w: tpm2-device=no", ErrForbidden)
	}
	if want := help.option("tpm2-pcrs"); want != "" {
		pcrs, _, err := ParsePCRs(want)
		if err != nil {
			return "", fmt.Errorf("%w: tpm2-pcrs=%s: %w", ErrForbidden, want, err)
		}
		if !slices.Equal(pcrs, v.PCRs) {
			return "", fmt.Errorf("%w: it has other registers than tpm2-pcrs=%s", ErrForbidden, want)
		}
	}
	return device, nil
}

func (v *TPM2) unsealAll(ctx context.Context, c *tpm.Client, id int, help Help) (*secret.Buffer, error) {
	parent, err := v.parent(ctx, c)
	if err != nil {
		return nil, err
	}
	shards, err := v.shards(ctx, c, help)
	if err != nil {
		return nil, errors.Join(err, c.Free(ctx, parent))
	}
	p, err := v.pin(ctx, c, id, help)
	if err != nil {
		return nil, errors.Join(err, c.Free(ctx, parent))
	}
	sealed, err := unsealShards(ctx, c, parent, shards, p.auth())
	if err = errors.Join(err, c.Free(ctx, parent)); err != nil {
		return nil, errors.Join(err, sealed.Close(), p.Close())
	}
	passphrase, err := p.passphrase(sealed)
	return passphrase, errors.Join(err, sealed.Close(), p.Close())
}

// shard is one sealed object with the conditions that open it.
type shard struct {
	tpm.Sealed
	conditions []tpm.Condition
	policy     []byte
}

// shards holds the state of the machine against what each shard wants: ErrState where it is another.
func (v *TPM2) shards(ctx context.Context, c *tpm.Client, help Help) (list []shard, err error) {
	bank, err := v.bank(ctx, c)
	if err != nil {
		return nil, err
	}
	for i, blob := range v.Blobs {
		sealed, ok := tpm.Parse(blob)
		if !ok {
			return nil, &FieldError{"systemd-tpm2", "tpm2-blob", "not a sealed object"}
		}
		s := shard{Sealed: sealed, policy: v.Policies[i]}
		if s.conditions, err = v.conditions(i, bank, help); err != nil {
			return nil, err
		}
		if s, err = s.judged(ctx, c); err != nil {
			return nil, err
		}
		list = append(list, s)
	}
	return list, nil
}

// judged tells whether the conditions lead to the policy now. Public keys with the usual exponent were once given to
// the TPM with none, which gives them another name.
func (s shard) judged(ctx context.Context, c *tpm.Client) (shard, error) {
	now, err := c.Expect(ctx, tpm.NameHash(s.Public), s.conditions)
	if err != nil || string(now.Digest) == string(s.policy) {
		return s, err
	}
	old := s
	old.conditions = slices.Clone(s.conditions)
	for i, condition := range old.conditions {
		if signed, is := condition.(tpm.Signed); is {
			signed.Key = withoutExponent(signed.Key)
			old.conditions[i] = signed
		}
	}
	now, err = c.Expect(ctx, tpm.NameHash(s.Public), old.conditions)
	if err == nil && string(now.Digest) != string(s.policy) {
		err = tpm.ErrState
	}
	return old, err
}

// bank is that of the registers. Old tokens do not say it: the first with all registers one of which was used.
func (v *TPM2) bank(ctx context.Context, c *tpm.Client) (tpm.Hash, error) {
	if hash, known := tpm.HashNamed(v.Bank); known {
		return hash, nil
	}
	pcrs := slices.Concat(v.PCRs, v.SignedPCRs)
	if len(pcrs) == 0 {
		return tpm.SHA256, nil
	}
	sort.Ints(pcrs)
	return BestBank(ctx, c, slices.Compact(pcrs))
}

// BestBank is the first of sha256, sha384, sha512 and sha1 that has one of these registers in use, else the first that
// is there.
func BestBank(ctx context.Context, c *tpm.Client, pcrs []int) (tpm.Hash, error) {
	there, err := c.Banks(ctx)
	if err != nil {
		return 0, err
	}
	var first tpm.Hash
	for _, name := range []string{"sha256", "sha384", "sha512", "sha1"} {
		hash, _ := tpm.HashNamed(name)
		if !slices.Contains(there, hash) {
			continue
		}
		values, err := c.ReadPCRs(ctx, hash, pcrs)
		if err != nil || InUse(values) {
			return hash, err
		}
		if first == 0 {
			first = hash
		}
	}
	if first == 0 {
		return 0, fmt.Errorf("%w of registers", tpm.ErrUnsupported)
	}
	return first, nil
}

// InUse tells whether one of the values is neither all zeros nor all ones.
func InUse(values [][]byte) bool {
	for _, v := range values {
		if bytes.Count(v, []byte{0}) < len(v) && bytes.Count(v, []byte{0xff}) < len(v) {
			return true
		}
	}
	return false
}

// conditions are those of a shard. Of two, the first is the signed policy's and the second pcrlock's.
func (v *TPM2) conditions(at int, bank tpm.Hash, help Help) (list []tpm.Condition, err error) {
	signed, locked := len(v.PEM) > 0, v.PCRLock
	if signed && locked {
		if len(v.Blobs) != 2 {
			return nil, &FieldError{"systemd-tpm2", "tpm2-blob", "not two, for a signed policy and for pcrlock"}
		}
		signed, locked = at == 0, at == 1
	} else if len(v.Blobs) != 1 {
		return nil, &FieldError{"systemd-tpm2", "tpm2-blob", tooMany}
	}
	if signed {
		condition, err := v.signed(bank, help)
		if err != nil {
			return nil, err
		}
		list = append(list, condition)
	}
	if locked {
		condition, err := v.locked(help)
		if err != nil {
			return nil, err
		}
		list = append(list, condition)
	}
	list = append(list, tpm.PCRs{Bank: bank, Numbers: v.PCRs})
	if v.PIN {
		list = append(list, tpm.PIN{})
	}
	return list, nil
}

// parent is the storage key. Where the token has its public area, that is what secrets are encrypted to.
func (v *TPM2) parent(ctx context.Context, c *tpm.Client) (tpm.Parent, error) {
	if len(v.SRK) == 0 {
		kind := v.PrimaryAlg
		if kind == "" {
			kind = "ecc"
		}
		return c.LegacyPrimary(ctx, kind, tpm.SHA256)
	}
	handle, public := savedHandle(v.SRK)
	known := tpm.KnownParent(handle, public)
	now, err := c.ReadParent(ctx, handle)
	if err == nil && string(now.Name()) != string(known.Name()) {
		err = tpm.ErrForeign
	}
	return known, err
}

// savedHandle takes apart what judgeHandle has judged.
func savedHandle(p []byte) (handle uint32, public []byte) {
	_, rest, _ := sized(p[4:])
	public, _, _ = sized(rest[4:])
	return binary.BigEndian.Uint32(p), public
}

func unsealShards(ctx context.Context, c *tpm.Client, parent tpm.Parent, shards []shard, auth []byte,
) (all *secret.Buffer, err error) {
	if all, err = secret.New(0); err != nil {
		return nil, err
	}
	for _, s := range shards {
		part, err := c.Unseal(ctx, parent, s.Sealed, s.conditions, auth, s.policy)
		if err != nil {
			return all, err
		}
		all, err = all.Append(part.Bytes())
		if err := errors.Join(err, part.Close()); err != nil {
			return all, err
		}
	}
	return all, nil
}

// base64Of is the text of a secret.
func base64Of(p []byte) (*secret.Buffer, error) {
	text, err := secret.New(base64.StdEncoding.EncodedLen(len(p)))
	if err != nil {
		return nil, err
	}
	base64.StdEncoding.Encode(text.Bytes(), p)
	return text, nil
}
