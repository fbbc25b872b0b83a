// SPDX-License-Identifier: Apache-2.0

package cmdline

import "strings"

// Verity is a root on dm-verity, as systemd-veritysetup-generator(8) has it.
type Verity struct {
	Off     bool   // systemd.verity=no, or rd.systemd.verity=no: nothing is mapped
	Root    string // roothash=, hexadecimal; "" for no such root
	Data    string // systemd.verity_root_data=, as in a crypttab; "": the partition that the root hash begins with
	Hash    string // systemd.verity_root_hash=; "": the partition that the root hash ends with
	Options string // systemd.verity_root_options=, with commas, as in a veritytab
	Usr     string // usrhash=, which is not for this program
}

// Wanted tells whether the root is to be mapped.
func (v Verity) Wanted() bool { return v.Root != "" && !v.Off }

// verity are roothash= and systemd.verity*.
func (p *parser) verity(q parameter) bool {
	v := &p.s.Verity
	switch strings.TrimPrefix(q.name, "rd.") {
	case "roothash":
		v.Root = strings.ToLower(q.value)
	case "usrhash":
		v.Usr = q.value
	case "systemd.verity":
		v.Off = !p.on(q)
	case "systemd.verity-root-data":
		v.Data = q.value
	case "systemd.verity-root-hash":
		v.Hash = q.value
	case "systemd.verity-root-options":
		v.Options = q.value
	default:
		return false
	}
	return true
}

// partitionDigits is how much of a root hash a partition's uuid is.
const partitionDigits = 32

// Devices are where data and hash tree lie: those that are named, or the partitions that the root hash names by its
// first and last 128 bits. They are empty where it is too short for that.
func (v Verity) Devices() (data, hash string) {
	data, hash = v.Data, v.Hash
	if len(v.Root) < partitionDigits {
		return data, hash
	}
	if data == "" {
		data = partition(v.Root[:partitionDigits])
	}
	if hash == "" {
		hash = partition(v.Root[len(v.Root)-partitionDigits:])
	}
	return data, hash
}

func partition(digits string) string {
	parts := []string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}
	return "PARTUUID=" + strings.Join(parts, "-")
}
