// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/hex"
	"fmt"
	"slices"
	"sort"
	"strconv"
	"strings"
)

// registerNames are those that systemd and the Linux TPM PCR Registry have.
var registerNames = map[string]int{
	"platform-code": 0, "platform-config": 1, "external-code": 2, "external-config": 3, "boot-loader-code": 4,
	"boot-loader-config": 5, "host-platform": 6, "secure-boot-policy": 7, "kernel-initrd": 9, "ima": 10,
	"kernel-boot": 11, "kernel-config": 12, "sysexts": 13, "shim-policy": 14, "system-identity": 15, "debug": 16,
	"application-support": 23,
}

// PCRValue is a register with the value that it is to have.
type PCRValue struct {
	Number int
	Bank   string // empty where it is not said
	Value  []byte // empty for the present one
}

// ParsePCRs reads "7+4:sha256=HEX+boot-loader-code", with + or commas between: numbers that rise, and what was said
// with each. Nothing is an empty list.
func ParsePCRs(text string) (pcrs []int, values []PCRValue, err error) {
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == '+' || r == ',' }) {
		v, err := parsePCR(word)
		if err != nil {
			return nil, nil, err
		}
		if slices.Contains(pcrs, v.Number) {
			return nil, nil, fmt.Errorf("register %d is named twice", v.Number)
		}
		pcrs, values = append(pcrs, v.Number), append(values, v)
	}
	sort.Ints(pcrs)
	sort.Slice(values, func(i, j int) bool { return values[i].Number < values[j].Number })
	return pcrs, values, nil
}

// parsePCR reads "7", "7:sha256", "7=HEX" or "7:sha256=HEX".
func parsePCR(word string) (v PCRValue, err error) {
	word, value, given := strings.Cut(word, "=")
	if v.Value, err = hex.DecodeString(strings.TrimPrefix(value, "0x")); err != nil || given && value == "" {
		return v, fmt.Errorf("%q is no value in hexadecimal", value)
	}
	name, bank, _ := strings.Cut(word, ":")
	v.Bank = strings.ToLower(bank)
	if v.Bank != "" && !slices.Contains(banks(), v.Bank) {
		return v, fmt.Errorf("%q is no bank of registers", bank)
	}
	number, known := registerNames[name]
	if !known {
		n, err := strconv.ParseUint(name, 10, 8)
		if err != nil || n >= registers {
			return v, fmt.Errorf("%q is no register", name)
		}
		number = int(n)
	}
	v.Number = number
	return v, nil
}
