// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/hex"
	"encoding/json"
	"fmt"
	"sort"

	"github.com/orthrus-luks/orthrus/luks/token/tpm"
)

// lockFile is what systemd-pcrlock writes: what registers may hold.
const lockFile = "pcrlock.json"

var lockFolders = []string{"/run/systemd", "/var/lib/systemd"}

// mostValues is how many values of one register a policy has room for.
const mostValues = 8

// lockPolicy is as much of that file as leads to the policy.
type lockPolicy struct {
	Bank   string `json:"pcrBank"`
	Values []struct {
		PCR    int      `json:"pcr"`
		Values []string `json:"values"`
	} `json:"pcrValues"`
}

// locked is the condition of an index that systemd-pcrlock writes.
func (v *TPM2) locked(help Help) (tpm.Index, error) {
	text, err := readNamed(help.option("tpm2-pcrlock"), lockFile, lockFolders)
	if err != nil {
		return tpm.Index{}, fmt.Errorf("policy of pcrlock: %w", err)
	}
	conditions, err := parseLock(text)
	if err != nil {
		return tpm.Index{}, err
	}
	handle, public := savedHandle(v.LockIndex)
	index, ok := tpm.NewIndex(handle, public, conditions)
	if !ok {
		return index, &FieldError{"systemd-tpm2", "tpm2_pcrlock_nv", "not an index of the TPM"}
	}
	return index, nil
}

// parseLock reads what registers may hold: those with one value together, then each with several.
func parseLock(text []byte) ([]tpm.Condition, error) {
	malformed := fmt.Errorf("%s is malformed", lockFile)
	var p lockPolicy
	if json.Unmarshal(text, &p) != nil || len(p.Values) > registers {
		return nil, malformed
	}
	bank, known := tpm.HashNamed(p.Bank)
	if !known {
		return nil, malformed
	}
	sort.Slice(p.Values, func(i, j int) bool { return p.Values[i].PCR < p.Values[j].PCR })
	one, several := tpm.PCRs{Bank: bank}, []tpm.Condition{}
	for i, r := range p.Values {
		if r.PCR < 0 || r.PCR >= registers || i > 0 && p.Values[i-1].PCR == r.PCR || len(r.Values) > mostValues {
			return nil, malformed
		}
		a := tpm.Alternatives{Bank: bank, Number: r.PCR}
		for _, text := range r.Values {
			value, err := hex.DecodeString(text)
			if err != nil || len(value) != bank.Size() {
				return nil, malformed
			}
			a.Values = append(a.Values, value)
		}
		switch len(a.Values) {
		case 0:
		case 1:
			one.Numbers = append(one.Numbers, r.PCR)
		default:
			several = append(several, a)
		}
	}
	return append([]tpm.Condition{one}, several...), nil
}
