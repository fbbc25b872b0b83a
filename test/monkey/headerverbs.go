// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/test/monkey/witness"
)

// headerVerbs move, copy and mend the metadata.
var headerVerbs = []verb{
	{"luksHeaderBackup", 4, true, false, planBackup},
	{"luksHeaderRestore", 4, true, false, planRestore},
	{"convert", 3, true, false, planConvert},
	{"header resize", 5, false, true, planResize},
	{"far enable", 4, false, true, planFarEnable},
	{"far disable", 2, false, true, planFarDisable},
	{"far sync", 3, false, true, planFarSync},
	{"grow", 3, false, false, planGrow},
	{"shrink", 2, false, false, planShrink},
	{"repair", 4, true, true, planRepair},
	{"luksFormat", 2, true, false, planFormat},
	{"read", 4, true, false, planRead},
}

// backup is a header backup file and what it holds.
type backup struct {
	file  string
	state State
}

func planBackup(d *draw) (Action, bool) {
	if len(d.w.backups) >= 4 {
		return Action{}, false
	}
	file := fmt.Sprintf("backup%d", d.w.files)
	d.w.files++
	return Action{
		Args: d.on("luksHeaderBackup", "--header-backup-file", file), Apply: one,
		Done: func(w *World) error {
			v, err := witness.Read(filepath.Join(w.dir, file), &w.keys)
			if err != nil {
				return err
			}
			c, err := v.Chosen()
			if err != nil {
				return fault("the backup has no valid head")
			}
			s := w.named(c)
			if text := s.differs(w.state.leave("far header")); text != "" {
				return fault("the backup is not what the heads are: " + text)
			}
			w.backups = append(w.backups, backup{file, s})
			return nil
		},
	}, true
}

func planRestore(d *draw) (Action, bool) {
	if len(d.w.backups) == 0 {
		return Action{}, false
	}
	b := d.w.backups[d.IntN(len(d.w.backups))]
	return Action{
		Args: d.on("luksHeaderRestore", "--header-backup-file", b.file), Victims: d.s.names(),
		Apply: func(State) []State {
			// What the backup says of sizes may be put right for the device; ours keeps the device's
			// heads and keyslots area as long as they are.
			next := b.state.leave("far header", "data size", "metadata size", "keyslots size")
			next.Loose, next.Slots = nil, map[int]Slot{}
			for _, id := range sortedKeys(b.state.Slots) {
				next.Slots[id] = b.state.Slots[id]
			}
			return one(next)
		},
	}, true
}

func planConvert(d *draw) (Action, bool) {
	to := 3 - d.s.Version
	return Action{Args: d.on("convert", "--type", fmt.Sprintf("luks%d", to)), Many: true, Apply: func(s State) []State {
		if s.Version == to {
			return nil
		}
		next := s.leave("metadata size", "keyslots size", "digest", "flags", "label", "subsystem", "data size",
			"tokens")
		next.Version = to
		for id, slot := range next.Slots {
			slot.Priority = 1
			next.Slots[id] = slot
		}
		return one(next)
	}}, true
}

func planResize(d *draw) (Action, bool) {
	if d.s.Version == 1 {
		return Action{}, false
	}
	size := min(d.s.Header*pick(d.Rand, int64(1), 2, 2, 4), 512*kib)
	args := []string{"header", "resize", "-q", "--luks2-metadata-size", strconv.FormatInt(size, 10)}
	if d.IntN(2) == 0 {
		args = append(args, "--luks2-keyslots-size", pick(d.Rand, "512k", "1m", "2m", strconv.FormatInt(d.s.Keyslots,
			10)))
	}
	return Action{
		Args: d.onHeader(args...), Many: true, Apply: func(s State) []State {
			return one(s.leave("metadata size",
				"keyslots size"))
		},
	}, true
}

func planFarEnable(d *draw) (Action, bool) {
	auth, denied, ok := d.key()
	if !ok || d.s.Far || d.w.geo.Detached || denied {
		return Action{}, false
	}
	return Action{
		Args: d.onHeader("far", "enable", "-q", "--shrink-data", "--key-file", auth), Many: true,
		Apply: func(s State) []State {
			if s.Far {
				return nil
			}
			next := s.leave("data size")
			next.Far = true
			return one(next)
		},
	}, true
}

func planFarDisable(d *draw) (Action, bool) {
	if !d.s.Far {
		return Action{}, false
	}
	return Action{Args: d.onHeader("far", "disable", "-q"), Many: true, Apply: func(s State) []State {
		next := s.leave("data size")
		next.Far = false
		return one(next)
	}}, true
}

func planFarSync(d *draw) (Action, bool) {
	if !d.s.Far {
		return Action{}, false
	}
	return Action{
		Args: d.onHeader("far", "sync", "-q"), Many: true,
		Apply: func(s State) []State { return one(s.leave("data size")) },
	}, true
}

// planGrow lets the device grow first.
func planGrow(d *draw) (Action, bool) {
	if d.w.geo.Detached || d.s.Version == 1 || d.w.size() > 700*mib {
		return Action{}, false
	}
	auth, denied, ok := d.key()
	if !ok || denied {
		return Action{}, false
	}
	d.w.truncate(d.w.size() + pick(d.Rand, mib, 5*mib, 64*mib, 4096))
	args := []string{"grow", "-q", "--key-file", auth}
	if d.IntN(3) == 0 {
		args = append(args, "--force-small")
	}
	return Action{
		Args: d.onHeader(args...), Many: true,
		Apply: func(s State) []State { return one(s.leave("data size")) },
	}, true
}

// planShrink makes room at the end; the device is cut afterwards.
func planShrink(d *draw) (Action, bool) {
	if d.w.geo.Detached || !d.s.Far {
		return Action{}, false
	}
	auth, denied, ok := d.key()
	length := d.w.volume.FarToken.Length
	to := (d.w.size() - pick(d.Rand, mib, length+mib, 2*length+3*mib)) &^ (mib - 1)
	if !ok || denied || to < d.s.Offset+d.w.used() {
		return Action{}, false
	}
	args := []string{"shrink", "-q", "--device-size", strconv.FormatInt(to, 10), "--key-file", auth}
	return Action{
		Args: d.onHeader(args...), Many: true, Apply: func(s State) []State { return one(s.leave("data size")) },
		Done: func(w *World) error {
			w.truncate(to)
			return nil
		},
	}, true
}

// planRepair also concludes what was cut off, and brings lost heads and areas back.
func planRepair(d *draw) (Action, bool) {
	args := d.on("repair")
	if !d.ours && len(d.s.bound()) > 0 {
		args = d.on("repair", "--key-file", d.s.Slots[d.s.bound()[0]].Name)
	}
	return Action{Args: args, Many: true, Apply: func(s State) []State {
		return one(s.leave("data size", "far header", "metadata size", "keyslots size", "tokens"))
	}}, true
}

func planFormat(d *draw) (Action, bool) {
	if d.IntN(3) > 0 && len(d.s.bound()) > 0 {
		return Action{}, false
	}
	g := d.w.geo
	g.ByPeer = !d.ours
	if g.Far && g.ByPeer {
		g.Far = false
	}
	return d.w.format(g, d.ours), true
}

func planRead(d *draw) (Action, bool) {
	key := ""
	if names := d.s.bound(); len(names) > 0 {
		key = d.s.Slots[names[0]].Name
	}
	lines := [][]string{d.on("luksDump"), d.on("isLuks"), d.on("luksUUID")}
	if key != "" {
		lines = append(lines, d.on("open", "--test-passphrase", "--key-file", key))
	}
	if d.ours {
		lines = append(lines, d.onHeader("check"), d.onHeader("far", "status"))
	}
	return Action{Args: lines[d.IntN(len(lines))], Apply: one, Reads: true}, true
}

// damages are what happens to a disk between commands. Each tells a shell line that does it, and does it.
func (w *World) damage(d *draw) (string, error) {
	var at, size int64
	file := w.headerFile()
	switch v := w.volume; {
	case v.Primary != nil && v.Secondary != nil && d.IntN(3) > 0:
		at = pick(d.Rand, 0, v.Primary.HeaderSize) + d.Int64N(8)*512
		size = 512
	case len(d.s.bound()) > 1:
		c, err := v.Chosen()
		if err != nil {
			return "", err
		}
		id := d.s.bound()[d.IntN(len(d.s.bound()))]
		// Within the material, which is shorter than its area.
		at, size = c.Slots[id].Offset+d.Int64N(200)*512, 512
		w.hurt = true
	default:
		return "", nil
	}
	f, err := os.OpenFile(filepath.Join(w.dir, file), os.O_WRONLY, 0)
	if err != nil {
		return "", err
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte(strings.Repeat("x", int(size))), at); err != nil {
		return "", err
	}
	w.scarred = true
	return fmt.Sprintf("head -c %d /dev/zero | tr '\\0' x | dd of=%s bs=512 seek=%d conv=notrunc status=none", size,
		file, at/512), nil
}
