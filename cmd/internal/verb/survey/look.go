// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/foreign"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// patience is how long one device may take.
const patience = 4 * time.Second

// atOnce is how many devices are looked at together: those that do not answer shall not add up.
const atOnce = 16

// The states of a device.
const (
	healthy  = "healthy"
	damaged  = "damaged"
	lost     = "lost"
	denied   = "denied"
	held     = "suspended"
	noAnswer = "no answer"
	none     = "none"
)

// row is what is known of one device. Sizes are in bytes.
type row struct {
	Device   string    `json:"device"`
	File     string    `json:"file,omitempty"`
	Size     int64     `json:"size"`
	Format   string    `json:"format,omitempty"`
	UUID     string    `json:"uuid,omitempty"`
	Label    string    `json:"label,omitempty"`
	State    string    `json:"state"`
	Why      string    `json:"why,omitempty"`
	Mappings []mapping `json:"mappings"`
	Keyslots []int     `json:"keyslots,omitzero"`
	Tokens   []string  `json:"tokens,omitzero"`
	Far      string    `json:"far_header,omitempty"`
}

// shown: something encrypted is there, or may be.
func (r row) shown() bool { return r.Format != "" || len(r.Mappings) > 0 || r.State == noAnswer }

// lookAll looks at devices in their order, several at once.
func lookAll(ctx context.Context, devices []block.Info, mappings map[string][]mapping) []row {
	rows := make([]row, len(devices))
	var wait sync.WaitGroup
	turn := make(chan struct{}, atOnce)
	for i, d := range devices {
		wait.Add(1)
		go func() {
			defer wait.Done()
			turn <- struct{}{}
			rows[i] = look(ctx, d, mappings)
			<-turn
		}()
	}
	wait.Wait()
	return rows
}

// look reads one device, for so long, and adds what the kernel tells.
func look(ctx context.Context, d block.Info, mappings map[string][]mapping) row {
	r := row{Device: d.Path, Size: d.Size, State: none, Mappings: []mapping{}}
	r.Mappings = append(r.Mappings, mappings[d.Name]...)
	if d.Major != 0 {
		r.File = block.Attribute(d.Major, d.Minor, "loop/backing_file")
	} else {
		r.Mappings = append(r.Mappings, throughLoops(d.Path, mappings)...)
	}
	switch {
	case d.Size == 0 && d.Major != 0:
	case suspended(d):
		r.State = held
	default:
		r = bounded(ctx, d.Path, r)
	}
	return r.fromKernel()
}

// bounded reads a device for so long; where that fails the row stays what the kernel told.
func bounded(ctx context.Context, path string, known row) row {
	ctx, cancel := context.WithTimeoutCause(ctx, patience, open.ErrHangs)
	defer cancel()
	seen, err := open.Bounded(ctx, func(row) {}, func(ctx context.Context) (row, error) {
		return read(ctx, path, known)
	})
	if err != nil {
		return failed(known, err)
	}
	return seen
}

// throughLoops are the mappings of a file through loop devices.
func throughLoops(path string, mappings map[string][]mapping) (list []mapping) {
	absolute, err := filepath.Abs(path)
	if err != nil {
		return nil
	}
	for name, open := range mappings {
		if strings.HasPrefix(name, "loop") &&
			block.ReadAttribute("/sys/class/block/"+name, "loop/backing_file") == absolute {
			list = append(list, open...)
		}
	}
	return list
}

func failed(r row, err error) row {
	r.State, r.Why = noAnswer, verb.OneLine(err)
	if errors.Is(err, fs.ErrPermission) {
		r.State, r.Why = denied, ""
	}
	if errors.Is(err, open.ErrHangs) {
		r.Why = ""
	}
	return r
}

// fromKernel fills in what an open mapping says of its device.
func (r row) fromKernel() row {
	for _, m := range r.Mappings {
		if r.Format == "" {
			r.Format = m.kind
			if r.State == none && m.uuid == "" {
				r.State = healthy
			} else if r.State == none {
				r.State, r.Why = healthy, "its header lies elsewhere"
			}
		}
		if r.UUID == "" && len(m.uuid) == 32 {
			r.UUID = fmt.Sprintf("%s-%s-%s-%s-%s", m.uuid[:8], m.uuid[8:12], m.uuid[12:16], m.uuid[16:20], m.uuid[20:])
		}
	}
	return r
}

// read opens the device for reading alone, without its lock: whoever holds that does not keep the table waiting. A copy
// that is not in order may be one that is being written, and is looked at again under the lock.
func read(ctx context.Context, path string, r row) (row, error) {
	v, file, err := load(ctx, path, true)
	if file == nil {
		return r, err
	}
	defer func() { file.Close() }()
	if err == nil && v.Version == 2 && !v.Choice.Healthy() {
		brief, cancel := context.WithTimeout(ctx, patience/2)
		defer cancel()
		if again, locked, err := load(brief, path, false); err == nil {
			file.Close()
			v, file = again, locked
		} else if locked != nil {
			locked.Close()
		}
	}
	switch {
	case errors.Is(err, luks.ErrNotLUKS):
		return other(r, file), nil
	case err != nil:
		r.Format, r.State, r.Why = "LUKS", lost, verb.OneLine(err)
		return r, nil
	}
	return ofVolume(ctx, r, v), nil
}

// load opens a device and reads its header. The file is nil where it cannot be opened.
func load(ctx context.Context, path string, noLocks bool) (*luks.Volume, *luks.File, error) {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: noLocks})
	if err != nil {
		return nil, nil, err
	}
	v, err := luks.Load(ctx, file)
	return v, file, err
}

// ofVolume is what the header says, and whether its copies agree.
func ofVolume(ctx context.Context, r row, v *luks.Volume) row {
	r.Format, r.UUID, r.Label, r.State = fmt.Sprintf("LUKS%d", v.Version), v.UUID, v.Label, healthy
	r.Keyslots, r.Tokens = []int{}, []string{}
	for _, k := range v.Keyslots {
		r.Keyslots = append(r.Keyslots, k.ID)
	}
	if v.BoundKeyslots() == 0 {
		r.State, r.Why = lost, "no keyslot opens it"
	}
	if v.Version == 1 {
		return r
	}
	for _, t := range v.Metadata().Tokens() {
		r.Tokens = append(r.Tokens, t.Type)
	}
	if !v.Choice.Healthy() {
		r.State, r.Why = damaged, v.Choice.Reason.String()
	}
	if f, err := v.Far(ctx); err == nil {
		r.Far = f.Standing.String()
	}
	return r
}

// other looks for what else encrypts, and for a volume that only a far header or a second head tells of.
func other(r row, file *luks.File) row {
	if f := far.AtEnd(file); f.Usable() {
		r.Format, r.UUID, r.State, r.Far = "LUKS2", f.Locator.UUID, lost, f.State.String()
		r.Why = "only its far header is left; see fix"
		return r
	}
	found, _ := signature.Detect(file, file.Size()) // what cannot be read is nothing that can be named
	for _, s := range found {
		switch {
		case s.Usage != signature.Crypto:
		case s.Kind == "crypto_LUKS" && r.Format == "":
			r.Format, r.UUID, r.State, r.Why = "LUKS", s.UUID, lost, "no valid header"
		case s.Kind == signature.BitLocker, s.Kind == signature.CoreStorage:
			r = ofForeign(r, s, foreign.Judge(file, file.Size()))
		case s.Foreign():
			r.Format, r.UUID, r.Label, r.State = s.Kind, s.UUID, s.Label, healthy
		}
	}
	return r
}

// ofForeign is how a volume of another system stands, in the words of the table.
func ofForeign(r row, s signature.Signature, j *foreign.Judgement) row {
	if j == nil && !s.Foreign() {
		return r
	}
	r.Format, r.UUID, r.Label, r.State = s.Kind, s.UUID, s.Label, healthy
	if j == nil {
		return r
	}
	r.State = j.Verdict
	switch {
	case j.Code == verb.Healable:
		r.State, r.Why = damaged, "not all copies of its metadata are whole and alike"
	case j.Code == verb.Lost:
		r.Why = "no copy of its metadata is whole"
	case len(j.Findings) > 0:
		r.Why = j.Findings[0]
	}
	return r
}
