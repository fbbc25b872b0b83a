// SPDX-License-Identifier: Apache-2.0

package guarded

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// hintPatience is how long a device may take to be looked at once more after an error.
const hintPatience = 5 * time.Second

// Remains are what there is of a volume on a device without a valid header, and of it elsewhere.
type Remains struct {
	Evidence inspect.Evidence
	Far      *far.Found // near the device's end, that can bring the header back; nil for none
	Ruined   *far.Found // one that cannot, where Far is nil: its locator is sound, and no head in it
	Kept     *store.Head
	// Former is a far header of another UUID than that of the volume which the guard saw on the device last: Far is
	// nil.
	Former *far.Found
	// Erased: of the keyslots area of that volume something is not as it was, as after an erase.
	Erased bool
	// Since is what the guard saw after what it keeps, which the far header is from before, too; "" for nothing.
	Since string
	// Last: what the guard keeps is the state that it saw on the device last, and the far header is not.
	Last bool
}

// LookForRemains looks at the device's start, near its end, and into what the guard keeps. It only reads.
func LookForRemains(ctx context.Context, c *verb.Command, file *luks.File) Remains {
	r := Remains{Evidence: inspect.Read(file)}
	if r.Evidence.LUKS1 != nil || r.Evidence.ChoiceErr == nil && r.Evidence.LUKS1Err == nil {
		return r
	}
	err := far.Search(ctx, file, far.NearEnd(file), func(f far.Found) bool {
		if f.Usable() {
			r.Far, r.Ruined = &f, nil
		} else if r.Ruined == nil {
			r.Ruined = &f
		}
		return r.Far == nil
	})
	if err != nil {
		c.UI.Debugf("far header: %v", err)
	}
	r.recall(c, file)
	r.Kept = keptOf(c, file, r.uuids())
	return r
}

// recall adds what the guard knows of the volume that it saw on the device last.
func (r *Remains) recall(c *verb.Command, file *luks.File) {
	id, err := ID(file.Path())
	if err != nil {
		return
	}
	s, key := Store(c), guard.KeyOf(id)
	r.Since = sinceFar(s, key, r.Far)
	last := s.LastOn(key)
	if last == "" {
		return
	}
	if r.Far != nil && r.Far.Locator.UUID != last {
		r.Former, r.Far = r.Far, nil
	}
	if m, err := s.Load(last); err == nil {
		since := s.Since(m)
		r.Last = m.Kept && since == "" && r.Since != ""
		r.Since = cmp.Or(since, r.Since)
		if m.Kept && !m.Head.Opens() {
			r.Since = "that no keyslot was left"
		}
		r.Erased = m.Kept && len(m.Head.Changed(file)) > 0
	}
}

// sinceFar tells of another state that was seen on the device than the one that a far header has; "" for none.
func sinceFar(s store.Store, device string, f *far.Found) string {
	seen, ok := s.Sighted(device)
	if !ok || f == nil {
		return ""
	}
	if c, err := f.Head(); err == nil && !identity.SameState(seen, identity.Of2(c)) {
		return fmt.Sprintf("a state with seqid %d, of UUID %s", seen.SeqID, seen.UUID)
	}
	return ""
}

// uuids are those that the remains name.
func (r Remains) uuids() (list []string) {
	for _, f := range []header.Found{r.Evidence.Heads.Primary, r.Evidence.Heads.Secondary} {
		list = append(list, f.Copy.Header.UUID)
	}
	for _, w := range r.Evidence.Wiped {
		list = append(list, w.UUID)
	}
	for _, f := range []*far.Found{r.Far, r.Ruined} {
		if f != nil {
			list = append(list, f.Locator.UUID)
		}
	}
	return list
}

// keptOf is what the guard keeps of one of these volumes or, where nothing names one, of the volume that it saw on the
// device last.
func keptOf(c *verb.Command, file *luks.File, uuids []string) *store.Head {
	s := Store(c)
	for _, uuid := range uuids {
		if m, err := s.Load(uuid); uuid != "" && err == nil && m.Kept {
			return &m.Head
		}
	}
	id, err := ID(file.Path())
	if err != nil {
		return nil
	}
	if m, err := s.Load(s.LastOn(guard.KeyOf(id))); err == nil && m.Kept {
		return &m.Head
	}
	return nil
}

// Hint is one line for somebody whose device is no valid LUKS device: what is there instead, and the command that
// goes on from there. It is "" for other errors, and where nothing can be told.
func Hint(ctx context.Context, c *verb.Command, device string, err error) string {
	if !errors.Is(err, luks.ErrNotLUKS) && !errors.Is(err, header.ErrNoHeader) {
		return ""
	}
	path, err := block.Resolve(device)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeoutCause(ctx, hintPatience, open.ErrHangs)
	defer cancel()
	text, err := open.Bounded(ctx, func(string) {}, func(ctx context.Context) (string, error) {
		file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
		if err != nil {
			return "", err
		}
		defer file.Close()
		return LookForRemains(ctx, c, file).hint(c.Program, device), nil
	})
	if err != nil {
		c.UI.Debugf("%s: %v", device, err)
	}
	return text
}

// hint names what is left, the surest way back first.
func (r Remains) hint(program, device string) string {
	e := r.Evidence
	named := r.Named()
	switch {
	case e.LUKS1 != nil:
		return "It is a LUKS1 volume."
	case e.ChoiceErr == nil && e.Choice.Healthy():
		return "It is a LUKS2 volume."
	case e.ChoiceErr == nil:
		return fmt.Sprintf("One of the two copies of its LUKS2 header is in order: %s fix %s", program, device)
	case r.Far != nil:
		return fmt.Sprintf("A far header lies near its end, at byte %d: see what it brings back with %s repair "+
			"--from-far --dry-run %s", r.Far.Place.Start(), program, device)
	case r.Kept != nil:
		return fmt.Sprintf("The guard keeps its header as it was at %s: %s guard export %s --header-backup-file FILE",
			r.Kept.Time, program, r.Kept.UUID)
	case r.Ruined != nil:
		return fmt.Sprintf("A far header was near its end, at byte %d, and no header is left in it: %s rescue %s",
			r.Ruined.Place.Start(), program, device)
	case e.LUKS1Err != nil || len(e.Wiped) > 0 || len(e.Texts) > 0 || e.Heads.Primary.State != header.Absent ||
		e.Heads.Secondary.State != header.Absent:
		return fmt.Sprintf("Remains of a LUKS header are there: %s rescue %s", program, device)
	case named.Kind == signature.BitLocker:
		return fmt.Sprintf("It is a BitLocker volume: %s open --type bitlk %s NAME", program, device)
	case named.Kind == signature.CoreStorage:
		return fmt.Sprintf("It may be a FileVault 2 volume: %s open --type fvault2 %s NAME", program, device)
	case named.Usage == signature.PartitionTable:
		return fmt.Sprintf("It has a partition table (%s): name one of its partitions; %s list shows them.", named.Kind,
			program)
	case named.Kind != "":
		return fmt.Sprintf("It bears the signature of %s. Should a volume have been there before: %s rescue %s",
			named.Kind, program, device)
	}
	return fmt.Sprintf("Nothing of LUKS is at its start or near its end; to search all of it: %s rescue %s", program,
		device)
}

// Named is the signature of something else, by which other programs know the device; without a kind for none.
func (r Remains) Named() signature.Signature {
	for _, s := range r.Evidence.Signatures {
		if s.Foreign() {
			return s
		}
	}
	return signature.Signature{}
}
