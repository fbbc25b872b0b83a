// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	rescuing "github.com/orthrus-luks/orthrus/luks/rescue"
)

// rescued is the report of rescue --json.
type rescued struct {
	Device     string          `json:"device"`
	Size       int64           `json:"size"`
	Finds      []numbered      `json:"finds"`
	Skipped    int64           `json:"unreadable_bytes"`
	Unreadable []extent.Extent `json:"unreadable,omitempty"`
	Truncated  bool            `json:"truncated,omitempty"`
	Output     string          `json:"output,omitempty"`
	Written    int             `json:"output_find,omitempty"`
}

// numbered is a find with its number for --find.
type numbered struct {
	Number int `json:"number"`
	rescuing.Find
	Start int64 `json:"partition_start"`      // 512-byte sector of the whole disk
	Far   bool  `json:"far_header,omitempty"` // this is the third copy of the header, on its own device
}

// rescueOptions are those that only rescue takes.
type rescueOptions struct {
	find cli.Value[uint32]
}

// Rescue declares the verb.
func Rescue() verb.Verb {
	var o rescueOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "rescue", Group: cli.GroupRepair, Args: "<device>", MinArgs: 1, Own: true,
			Summary: "search for what is left of a lost header, changing nothing",
			Takes:   "progress-json progress-frequency json output",
			Options: []cli.Option{
				{
					Long: "find", Arg: "NUMBER", Into: &o.find,
					Check: cli.Positive(&o.find, "Finds are counted from 1."),
					Help:  "which of the finds to put out (default: 1, the best)",
				},
			},
			About: []string{
				"Searches a device whose header is lost for what is left of it, and can write a header that open " +
					"--header accepts. The device is only read.",
			},
			Examples: []cli.Example{
				{What: "List what is left:", Line: "orthrus rescue /dev/sdb"},
				{
					What: "Put the header of the second find into a file, and try it:",
					Line: "orthrus rescue --find 2 --output header.img /dev/sdb\northrus open --test-passphrase --header header.img /dev/sdb",
				},
			},
			Exits: []cli.Exit{
				{Code: 1, Means: "Nothing was found."},
			},
			SeeAlso: []string{"check", "repair", "luksHeaderRestore"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return rescue(ctx, c, &o) },
	}
}

// rescue searches a device for what is left of LUKS headers and changes nothing on it.
func rescue(ctx context.Context, c *verb.Command, o *rescueOptions) error {
	path, err := volume.Named(c)
	if err != nil {
		return err
	}
	if c.Opt.Output.Set && volume.Exists(c.Opt.Output.V) {
		return verb.Failure(ui.InUse, "File %s exists already; nothing was written.", c.Opt.Output.V)
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return verb.DeviceError(path, err)
	}
	defer file.Close()
	result, err := rescuing.Search(ctx, file, file.Size(), progress(c, file.Path(), file.Size(), "searched"))
	if err != nil {
		return err
	}
	r := rescued{
		Device: c.Args[0], Size: file.Size(), Finds: []numbered{},
		Skipped: result.Skipped, Unreadable: result.Unreadable, Truncated: result.Truncated,
	}
	fars, err := farBodies(ctx, file)
	if err != nil {
		return err
	}
	start := partitionStart(file)
	for i, f := range result.Finds {
		r.Finds = append(r.Finds, numbered{i + 1, f, start + f.Base/512, fars[f.Base]})
	}
	if c.Opt.Output.Set && len(r.Finds) > 0 {
		if err := putOut(c, o, file, &r); err != nil {
			return err
		}
	}
	return tellRescued(c, r)
}

// farBodies tells where far headers lie: what is found there belongs to this device, not to a partition
// that began there.
func farBodies(ctx context.Context, file *luks.File) (map[int64]bool, error) {
	bodies := map[int64]bool{}
	err := far.Search(ctx, file, 0, func(f far.Found) bool {
		bodies[int64(f.Place.Start())] = true
		return true
	})
	return bodies, err
}

// progress reports how much of a device was searched, or what else was done, at a terminal, or as --progress-frequency
// and --progress-json ask.
func progress(c *verb.Command, path string, total int64, done string) func(int64) {
	p := &ui.Progress{
		Out: c.UI.Err, Device: path, Total: uint64(total), JSON: c.Opt.ProgressJSON, Done: done,
		Frequency: time.Duration(c.Opt.ProgressFrequency.V) * time.Second, Quiet: c.UI.Batch || !c.UI.Interactive(),
		Fit: c.UI.Own,
	}
	p.Start()
	return func(done int64) { p.Update(uint64(done)) }
}

// putOut writes the header of the chosen find.
func putOut(c *verb.Command, o *rescueOptions, file *luks.File, r *rescued) error {
	n := int(o.find.Or(1))
	if n > len(r.Finds) {
		return verb.Failure(ui.Failed, "There is no find %d; %d were found.", n, len(r.Finds))
	}
	image, lost, err := rescuing.Rebuild(file, file.Size(), r.Finds[n-1].Find, rand.Reader)
	if err != nil {
		return fmt.Errorf("find %d: %w", n, err)
	}
	for _, l := range lost {
		c.UI.Errorf("WARNING: %d bytes at byte %d could not be read; zeros stand for them.", l.Length, l.Offset)
	}
	if err := undo.WriteApart(c.Opt.Output.V, image, file); err != nil {
		return fmt.Errorf("header file: %w", err)
	}
	r.Output, r.Written = c.Opt.Output.V, n
	return nil
}

func tellRescued(c *verb.Command, r rescued) error {
	if c.Opt.JSON {
		if err := c.PrintJSON(r); err != nil {
			return err
		}
	} else {
		printRescued(c, r)
	}
	if len(r.Finds) == 0 {
		return verb.Silent(ui.Failed)
	}
	return nil
}

func printRescued(c *verb.Command, r rescued) {
	for _, f := range r.Finds {
		printFind(c, f)
	}
	if len(r.Finds) == 0 {
		c.UI.Errorf("Nothing of a LUKS header was found on %s.", r.Device)
	}
	if r.Truncated {
		c.UI.Errorf("WARNING: there is more than is listed here.")
	}
	if r.Skipped > 0 {
		c.UI.Errorf("WARNING: %d bytes could not be read; a header may lie among them.", r.Skipped)
	}
	switch {
	case r.Output != "":
		printTest(c, r)
	case len(r.Finds) > 0:
		c.UI.Printf("Write the header of a find to a file: %s rescue --output FILE [--find NUMBER] %s", c.Program,
			r.Device)
	}
}

func printFind(c *verb.Command, f numbered) {
	uuid := f.UUID
	if uuid == "" {
		uuid = "of unknown UUID"
	}
	c.UI.Printf("find %d: LUKS%d %s", f.Number, f.Version, uuid)
	for _, p := range f.Pieces {
		line := fmt.Sprintf("  %s at byte %d", p.Kind, p.Offset)
		if p.SeqID > 0 {
			line += fmt.Sprintf(", seqid %d", p.SeqID)
		}
		c.UI.Printf("%s", line)
	}
	for _, k := range f.Keyslots {
		use := ""
		if !k.Bound {
			use = ", opens no data"
		}
		c.UI.Printf("  keyslot %d: %d bytes at byte %d: %s%s", k.ID, k.Size, k.Offset, k.State, use)
	}
	if f.Guessed {
		c.UI.Printf("  a guess: the text does not say which of the two copies it was")
	}
	if f.Far {
		c.UI.Printf("  this is the far header of the volume on this device: repair --from-far brings it back")
		return
	}
	if f.Base != 0 {
		c.UI.Printf("  its partition started at sector %d (512 bytes each), which is byte %d of this device", f.Start,
			f.Base)
	}
}

// printTest says how to try the header before anything is written to the device.
func printTest(c *verb.Command, r rescued) {
	f := r.Finds[r.Written-1]
	c.UI.Printf("The header of find %d is in %s; it holds key material.", f.Number, r.Output)
	c.UI.Printf("Test it first, which changes nothing: %s open --test-passphrase --header %s %s", c.Program, r.Output,
		r.Device)
	if f.Base > 0 && !f.Far {
		c.UI.Printf("The data is where the partition was; to see it: losetup --read-only --offset %d --find --show "+
			"%s", f.Base, r.Device)
		c.UI.Printf("and open that device with --readonly --header %s; a partition from sector %d on brings it back.",
			r.Output, f.Start)
		return
	}
	if f.Base == 0 || f.Far {
		c.UI.Printf("Look at the data next: %s open --readonly --header %s %s NAME", c.Program, r.Output, r.Device)
		c.UI.Printf("Only then put it back: %s luksHeaderRestore --header-backup-file %s %s", c.Program, r.Output,
			r.Device)
		return
	}
	c.UI.Printf("The data began %s before this device; a partition from sector %d on brings it back.",
		strings.TrimPrefix(fmt.Sprintf("%d bytes", f.Base), "-"), f.Start)
}
