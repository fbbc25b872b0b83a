// SPDX-License-Identifier: Apache-2.0

package survey

import (
	"context"
	"errors"
	"io/fs"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// listed is the report of list --json.
type listed struct {
	Devices []row `json:"devices"`
	Unseen  int   `json:"unseen"`
}

// List declares the verb.
func List() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "list", Group: cli.GroupMapping, Args: "[<device>...]", Own: true, Unasked: true, First: 1,
			Summary: "show every encrypted device, and how it is mapped",
			Takes:   "json",
			About: []string{
				"Shows every device with an encrypted volume, or those that are named, and changes nothing. A device " +
					"that does not answer within some seconds is listed as such.",
				"Without root only those devices are read that may be; of the others the mappings are known, which " +
					"the kernel tells everybody of. Besides LUKS1 and LUKS2 it names BitLocker, dm-integrity and " +
					"dm-verity, and plain mappings while they are open. A volume whose header lies elsewhere is " +
					"known only while it is open.",
				"The state is healthy, damaged (it still opens; fix says more), lost (it does not), unopenable (half " +
					"encrypted, say: the system that made it opens it), or closed to us (denied, suspended, no answer).",
			},
			Report: cli.Report{
				Of: listed{},
				Fields: []cli.Field{
					{Path: "devices", Type: "list of object", About: "in the order of names, or as they were named"},
					{Path: "devices[].device", Type: "string", About: "path of the device"},
					{Path: "devices[].file", Type: "string", About: "file behind a loop device; may be absent"},
					{Path: "devices[].size", Type: "integer", About: "bytes"},
					{Path: "devices[].format", Type: "string", About: "LUKS1, LUKS2, plain or another; may be absent"},
					{Path: "devices[].uuid", Type: "string", About: "of the volume; may be absent"},
					{Path: "devices[].label", Type: "string", About: "of the volume; may be absent"},
					{
						Path: "devices[].state", Type: "string",
						About: "healthy, damaged, lost, unopenable, denied, suspended, no answer, or none (it is not encrypted)",
					},
					{Path: "devices[].why", Type: "string", About: "what is wrong; may be absent"},
					{Path: "devices[].mappings", Type: "list of object", About: "those that are open"},
					{Path: "devices[].mappings[].name", Type: "string", About: "as under /dev/mapper"},
					{Path: "devices[].mappings[].size", Type: "integer", About: "bytes"},
					{Path: "devices[].mappings[].suspended", Type: "boolean", About: "reads and writes are held"},
					{Path: "devices[].keyslots", Type: "list of integer", About: "in use; absent where not known"},
					{Path: "devices[].tokens", Type: "list of string", About: "their types; absent where not known"},
					{
						Path: "devices[].far_header", Type: "string",
						About: "how it stands to the header, as far status says; absent where not known",
					},
					{Path: "unseen", Type: "integer", About: "devices that could not be read and have no mapping"},
				},
			},
			Examples: []cli.Example{
				{What: "What is encrypted on this machine, and open:", Line: "orthrus list"},
				{What: "The same of image files, for programs:", Line: "orthrus list --json backup.img old.img"},
			},
			SeeAlso: []string{"status", "check", "fix"},
		},
		Run: list,
	}
}

// list looks at all devices, or at those that are named.
func list(ctx context.Context, c *verb.Command) error {
	all, err := block.Devices()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	devices, worst := all, ui.OK
	if len(c.Args) > 0 {
		devices, worst = named(c, all)
	}
	result := listed{Devices: []row{}}
	rows := lookAll(ctx, devices, mappingsOf(all))
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, r := range rows {
		switch {
		case r.shown(), len(c.Args) > 0:
			result.Devices = append(result.Devices, r)
		case r.State == denied:
			result.Unseen++
		}
	}
	if c.Opt.JSON {
		err = c.PrintJSON(result)
	} else {
		err = printTable(c, result)
	}
	if err == nil && worst != ui.OK {
		err = verb.Silent(worst)
	}
	return err
}

// named are the devices of the command line; one that is not there is said to be so.
func named(c *verb.Command, all []block.Info) (list []block.Info, worst ui.ExitCode) {
	for _, name := range c.Args {
		info, err := find(name, all)
		if err != nil {
			c.Conclude(context.Background(), verb.DeviceError(name, err))
			worst = ui.NoDevice
			continue
		}
		list = append(list, info)
	}
	return list, worst
}

// find is what there is at a path: a block device, or a file that stands for one.
func find(name string, all []block.Info) (block.Info, error) {
	path, err := block.Resolve(name)
	if err != nil {
		return block.Info{}, err
	}
	dev, err := block.Open(path, 0)
	if errors.Is(err, fs.ErrPermission) {
		return block.Info{Name: name, Path: name}, nil
	}
	if err != nil {
		return block.Info{}, err
	}
	defer dev.Close()
	for _, d := range all {
		if dev.IsBlock() && d.Major == dev.Major() && d.Minor == dev.Minor() {
			d.Path = name
			return d, nil
		}
	}
	return block.Info{Name: name, Path: path, Size: dev.Size()}, nil
}
