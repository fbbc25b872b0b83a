// SPDX-License-Identifier: Apache-2.0

package cmdline

import "strings"

// Verity are a root and a /usr on dm-verity, as systemd-veritysetup-generator(8) has them.
type Verity struct {
	Off     bool // systemd.verity=no, or rd.systemd.verity=no: nothing is mapped
	NoTable bool // veritytab=no
	Root    Image
	Usr     Image
}

// Image is an image on dm-verity.
type Image struct {
	Wanted  bool   // roothash=, usrhash=
	Root    string // the root hash, hexadecimal; "" for that of a signature partition ("-")
	Data    string // systemd.verity_root_data=, as in a crypttab; "": the partition that the root hash begins with
	Hash    string // systemd.verity_root_hash=; "": the partition that the root hash ends with
	Options string // systemd.verity_root_options=, with commas, as in a veritytab
}

// RootWanted tells whether the root is to be mapped.
func (v Verity) RootWanted() bool { return v.Root.Wanted && !v.Off }

// UsrWanted tells whether /usr is to be mapped.
func (v Verity) UsrWanted() bool { return v.Usr.Wanted && !v.Off }

// verity are roothash=, usrhash=, veritytab= and systemd.verity*.
func (p *parser) verity(q parameter) bool {
	v := &p.s.Verity
	switch name := strings.TrimPrefix(q.name, "rd."); name {
	case "roothash":
		v.Root.hash(q.value)
	case "usrhash":
		v.Usr.hash(q.value)
	case "veritytab":
		v.NoTable = !p.on(q)
	case "systemd.verity":
		v.Off = !p.on(q)
	default:
		return v.Root.option(name, "systemd.verity-root-", q.value) ||
			v.Usr.option(name, "systemd.verity-usr-", q.value)
	}
	return true
}

func (i *Image) hash(value string) {
	i.Root, i.Wanted = strings.ToLower(value), value != ""
	if value == "-" {
		i.Root = ""
	}
}

// option takes a parameter whose name begins so; false for any other.
func (i *Image) option(name, prefix, value string) bool {
	switch field, found := strings.CutPrefix(name, prefix); {
	case found && field == "data":
		i.Data = value
	case found && field == "hash":
		i.Hash = value
	case found && field == "options":
		i.Options = value
	default:
		return false
	}
	return true
}

// partitionDigits is how much of a root hash a partition's uuid is.
const partitionDigits = 32

// Devices are where data and hash tree lie: those that are named, or the partitions that the root hash names by its
// first and last 128 bits. They are empty where it is too short for that, or not known yet.
func (i Image) Devices() (data, hash string) {
	data, hash = i.Data, i.Hash
	if len(i.Root) < partitionDigits {
		return data, hash
	}
	if data == "" {
		data = partition(i.Root[:partitionDigits])
	}
	if hash == "" {
		hash = partition(i.Root[len(i.Root)-partitionDigits:])
	}
	return data, hash
}

func partition(digits string) string {
	parts := []string{digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]}
	return "PARTUUID=" + strings.Join(parts, "-")
}
