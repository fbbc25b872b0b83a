// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/fstab"
	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// batchLine is one image of a list: data hash root-hash-file [fec], in fields as fstab(5) has them.
type batchLine struct{ data, hash, root, fec string }

// parseBatch reads a list of images; a line that is none is an error, before anything is done.
func parseBatch(text string) (lines []batchLine, err error) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		f := fstab.Fields(line)
		switch len(f) {
		case 0:
		case 3, 4:
			f = append(f, "")
			lines = append(lines, batchLine{f[0], f[1], f[2], f[3]})
		default:
			return nil, setup.Failure(ui.Failed,
				"Line %d of the list: it has a data device, a hash device, a root hash "+
					"file and, where there is one, an FEC device.", number)
		}
	}
	return lines, nil
}

// notInBatch are options that are of one image.
var notInBatch = []string{
	"uuid", "root-hash-file", "fec-device", "resume", "old-data", "old-hash", "old-root-hash", "repair", "repair-hash",
}

// batch carries an action out for each image of a list, one after the other on all processors. One that fails stops
// none of the others; the exit status is that of the first that failed.
func (r *run) batch(ctx context.Context, one func(*run, context.Context) error) error {
	for _, option := range notInBatch {
		if r.given[option] {
			return setup.Failure(ui.Failed, "Option --%s is of one image, and not for --batch.", option)
		}
	}
	text, err := ui.ReadNamed(ctx, r.batchFile, fstab.MaxSize)
	if err != nil {
		return setup.Because(ui.Failed, "Cannot read "+r.batchFile+": "+causeOf(err)+".", err)
	}
	lines, err := parseBatch(string(text))
	if err != nil {
		return err
	}
	if err := r.linesApart(lines); err != nil {
		return err
	}
	reports := []any{}
	code := ui.OK
	for _, line := range lines {
		image := r.forImage(line, &reports)
		err := one(image, ctx)
		result := setup.Say(ctx, image.ui, err)
		if code == ui.OK {
			code = result
		}
		if errors.Is(err, context.Canceled) {
			break
		}
		if !r.json && r.action == actionVerify && result == ui.OK {
			r.ui.Printf("%s: verified", line.data)
		} else if result != ui.OK {
			r.ui.Errorf("%s: failed.", line.data)
		}
	}
	if r.json {
		if err := r.printJSON(struct {
			Images []any `json:"images"`
		}{reports}); err != nil {
			return err
		}
	}
	if code != ui.OK {
		return setup.Silent(code)
	}
	return nil
}

// linesApart refuses a list of which one line would write what another one reads or writes, or the list itself. Lines
// that are only verified write nothing.
func (r *run) linesApart(lines []batchLine) error {
	if len(lines) == 0 {
		return setup.Failure(ui.Failed, "The list %s names no image.", r.batchFile)
	}
	if r.action != actionFormat {
		return nil
	}
	for i, line := range lines {
		for _, out := range []string{line.hash, line.root, line.fec} {
			if samePath(out, r.batchFile) {
				return setup.Failure(ui.Failed,
					"The list %s would be overwritten by one of its own lines.", r.batchFile)
			}
			others := slices.Concat(lines[:i], lines[i+1:])
			if out != "" && slices.ContainsFunc(others, func(l batchLine) bool { return l.names(out) }) {
				return setup.Failure(ui.Failed,
					"Two lines of the list have %s, and one of them would write there.", out)
			}
		}
	}
	return nil
}

// names tells whether one of the line's files is that one.
func (l batchLine) names(path string) bool {
	return slices.ContainsFunc([]string{l.data, l.hash, l.root, l.fec}, func(own string) bool {
		return own != "" && samePath(own, path)
	})
}

// forImage is the command line for one image of a list, whose JSON is collected.
func (r *run) forImage(line batchLine, reports *[]any) *run {
	c := *r.call
	c.args = []string{line.data, line.hash}
	c.rootHashFile, c.fecDevice = line.root, line.fec
	c.given = maps.Clone(r.given)
	return &run{call: &c, ui: r.ui, reports: reports}
}
