// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"cmp"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// state is what status reports.
type state struct {
	Name      string   `json:"name"`
	Active    bool     `json:"active"`
	InUse     bool     `json:"in_use,omitempty"`
	Status    string   `json:"status,omitempty"` // verified or corrupted
	Signed    bool     `json:"signed,omitempty"`
	HashType  uint32   `json:"hash_type"`
	DataBlock uint32   `json:"data_block_size,omitempty"` // bytes
	HashBlock uint32   `json:"hash_block_size,omitempty"` // bytes
	Hash      string   `json:"hash,omitempty"`
	Salt      string   `json:"salt,omitempty"`
	Data      string   `json:"data_device,omitempty"`
	DataLoop  string   `json:"data_loop,omitempty"`
	Size      uint64   `json:"size,omitempty"` // bytes
	HashDev   string   `json:"hash_device,omitempty"`
	HashLoop  string   `json:"hash_loop,omitempty"`
	HashAt    uint64   `json:"hash_offset,omitempty"` // of the tree, bytes
	FEC       string   `json:"fec_device,omitempty"`
	FECLoop   string   `json:"fec_loop,omitempty"`
	FECAt     uint64   `json:"fec_offset,omitempty"` // bytes
	FECRoots  string   `json:"fec_roots,omitempty"`
	RootHash  string   `json:"root_hash,omitempty"`
	Flags     []string `json:"flags,omitempty"`
}

// statusOfMapping shows a mapping as the kernel has it.
func (r *run) statusOfMapping() error {
	control, err := setup.Control()
	if err != nil {
		return err
	}
	defer control.Close()
	s := &state{Name: setup.Name(r.args[0])}
	if err := s.fill(control); err != nil {
		return err
	}
	if r.json {
		err = r.printJSON(s)
	} else {
		_, err = fmt.Fprint(r.ui.Out, s.text())
	}
	if err == nil && !s.Active {
		return setup.Silent(ui.NoDevice)
	}
	return err
}

func (s *state) fill(control *dm.Control) error {
	table, info, err := control.Table(s.Name, dm.Active)
	if errors.Is(err, dm.ErrNotFound) || errors.Is(err, dm.ErrName) {
		return nil
	}
	if err != nil {
		return err
	}
	defer table.Close()
	s.Active, s.InUse = true, info.OpenCount > 0
	if len(table) != 1 || table[0].Type() != "verity" {
		return setup.Failure(ui.Failed, "Device %s is not a dm-verity mapping.", s.Name)
	}
	s.describe(table[0].(*target.Verity))
	states, _, err := control.TableStatus(s.Name, true)
	if err == nil && len(states) == 1 {
		s.Status = map[bool]string{true: "verified", false: "corrupted"}[strings.HasPrefix(states[0].Text, "V")]
	}
	return err
}

func (s *state) describe(t *target.Verity) {
	s.HashType, s.DataBlock, s.HashBlock = t.Version, t.DataBlockSize, t.HashBlockSize
	s.Hash, s.Salt, s.RootHash = t.Algorithm, hex.EncodeToString(t.Salt), hex.EncodeToString(t.RootHash)
	s.Size = t.DataBlocks * uint64(t.DataBlockSize)
	s.HashAt = t.HashStartBlock * uint64(t.HashBlockSize)
	s.Data, s.DataLoop = block.Node(t.DataDevice)
	s.HashDev, s.HashLoop = block.Node(t.HashDevice)
	for i := 0; i < len(t.Options); i++ {
		word, value := t.Options[i], ""
		if i+1 < len(t.Options) {
			value = t.Options[i+1]
		}
		switch word {
		case "use_fec_from_device":
			s.FEC, s.FECLoop = block.Node(value)
		case "fec_start":
			blocks, _ := strconv.ParseUint(value, 10, 64) // the kernel's own number
			s.FECAt = blocks * uint64(t.DataBlockSize)
		case "fec_roots":
			s.FECRoots = value
		case "fec_blocks":
		case "root_hash_sig_key_desc":
			s.Signed = true
		default:
			s.Flags = append(s.Flags, word)
			continue
		}
		i++
	}
}

// text is what veritysetup prints, with a blank between flags.
func (s *state) text() string {
	path := "/dev/mapper/" + s.Name
	if !s.Active {
		return path + " is inactive.\n"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s is active%s.\n", path, map[bool]string{true: " and is in use"}[s.InUse])
	line := func(label, format string, args ...any) {
		fmt.Fprintf(&b, "  %-12s "+format+"\n", append([]any{label}, args...)...)
	}
	path12 := func(label, value string) {
		if value != "" {
			line(label, "%s", value)
		}
	}
	sectors := func(bytes uint64) string { return fmt.Sprintf("%d [512-byte units] (%d [bytes])", bytes/512, bytes) }
	line("type:", "VERITY")
	line("status:", "%s%s", s.Status, map[bool]string{true: " (with signature)"}[s.Signed])
	line("hash type:", "%d", s.HashType)
	line("data block:", "%d [bytes]", s.DataBlock)
	line("hash block:", "%d [bytes]", s.HashBlock)
	line("hash name:", "%s", s.Hash)
	line("salt:", "%s", cmp.Or(s.Salt, "-"))
	line("data device:", "%s", s.Data)
	path12("data loop:", s.DataLoop)
	line("size:", "%s", sectors(s.Size))
	line("mode:", "readonly")
	line("hash device:", "%s", s.HashDev)
	path12("hash loop:", s.HashLoop)
	line("hash offset:", "%s", sectors(s.HashAt))
	if s.FEC != "" {
		line("FEC device:", "%s", s.FEC)
		path12("FEC loop:", s.FECLoop)
		line("FEC offset:", "%s", sectors(s.FECAt))
		line("FEC roots:", "%s", s.FECRoots)
	}
	line("root hash:", "%s", s.RootHash)
	if len(s.Flags) > 0 {
		line("flags:", "%s", strings.Join(s.Flags, " "))
	}
	return b.String()
}
