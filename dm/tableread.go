// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/target"
	"golang.org/x/sys/unix"
)

// Slot chooses one of the two tables of a device.
type Slot bool

// The slots: Inactive is the one Load fills.
const (
	Active   Slot = false
	Inactive Slot = true
)

func (s Slot) flags() uint32 {
	if s == Inactive {
		return unix.DM_QUERY_INACTIVE_TABLE_FLAG
	}
	return 0
}

// Table returns the table of a device. It may hold a volume key, so the caller closes it. A device
// without a table in that slot has an empty one.
func (c *Control) Table(name string, slot Slot) (Table, Info, error) {
	device, err := byName(name)
	if err != nil {
		return nil, Info{}, err
	}
	a, err := c.run(call{
		op: opTable, cmd: unix.DM_TABLE_STATUS, device: device,
		flags: unix.DM_STATUS_TABLE_FLAG | slot.flags(), room: 4096, secure: true,
	})
	if err != nil {
		return nil, Info{}, err
	}
	defer a.Close()
	lines, err := a.lines()
	if err != nil {
		return nil, Info{}, fmt.Errorf("device-mapper: table %q: %w", name, err)
	}
	table, err := parseTable(lines)
	if err != nil {
		return nil, Info{}, fmt.Errorf("device-mapper: table %q: %w", name, err)
	}
	return table, a.info(), nil
}

func parseTable(lines []line) (Table, error) {
	var table Table
	for _, l := range lines {
		t, err := target.ParseParams(l.start, l.length, l.kind, l.text)
		if err != nil {
			return nil, errors.Join(err, table.Close())
		}
		table = append(table, t)
	}
	return table, nil
}

// TargetStatus is the state of one line, in the words of its target (see target.ParseIntegrityStatus).
type TargetStatus struct {
	Start, Length uint64 // 512-byte sectors
	Type          string
	Text          string
}

// TableStatus returns the state of each line of the active table. noFlush avoids the flush some
// targets do before they report.
func (c *Control) TableStatus(name string, noFlush bool) ([]TargetStatus, Info, error) {
	device, err := byName(name)
	if err != nil {
		return nil, Info{}, err
	}
	q := call{op: opStatus, cmd: unix.DM_TABLE_STATUS, device: device, room: 4096}
	if noFlush {
		q.flags |= unix.DM_NOFLUSH_FLAG
	}
	a, err := c.run(q)
	if err != nil {
		return nil, Info{}, err
	}
	lines, err := a.lines()
	if err != nil {
		return nil, Info{}, fmt.Errorf("device-mapper: status %q: %w", name, err)
	}
	var status []TargetStatus
	for _, l := range lines {
		status = append(status, TargetStatus{l.start, l.length, l.kind, string(l.text)})
	}
	return status, a.info(), nil
}

// line is one reported target_spec; text is a view of the reply.
type line struct {
	start, length uint64
	kind          string
	text          []byte
}

// lines splits a reply of target_spec records; next counts from the start of the payload here.
func (a *answer) lines() ([]line, error) { return splitLines(a.body, a.header.TargetCount) }

func splitLines(body []byte, count uint32) ([]line, error) {
	var lines []line
	at := 0
	for i := range count {
		spec, ok := load[targetSpec](body[at:])
		if !ok {
			return nil, fmt.Errorf("%w: line %d ends early", ErrReply, i)
		}
		next := int64(spec.Next)
		if next < int64(at+specSize) || next > int64(align8(len(body))) {
			return nil, fmt.Errorf("%w: line %d points to %d", ErrReply, i, next)
		}
		end := min(int(next), len(body))
		text, _, _ := bytes.Cut(body[at+specSize:end], []byte{0})
		lines = append(lines, line{spec.Start, spec.Length, cString(spec.Type[:]), text})
		at = end
	}
	return lines, nil
}
