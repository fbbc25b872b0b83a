// SPDX-License-Identifier: Apache-2.0

package early

import (
	"context"
	"os"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/tools"
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/initramfs"
	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks"
)

// mkinitramfsOptions are those that only mkinitramfs takes.
type mkinitramfsOptions struct {
	kernel      cli.Value[string]
	modules     []string
	with        []string
	generic     bool
	list        cli.Value[string]
	includeKeys bool
	sysroot     cli.Value[string]
}

// MkInitramfs declares the verb.
func MkInitramfs() verb.Verb {
	var o mkinitramfsOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "mkinitramfs", Group: cli.GroupBoot, Own: true,
			Summary: "make an initial file system that unlocks this machine's root",
			Takes:   "json dry-run output",
			Options: []cli.Option{
				{
					Long: "kernel", Arg: "VERSION", Into: &o.kernel,
					Help: "kernel to make the image for (default: the running one)",
				},
				{
					Long: "module", Arg: "NAME", Into: &o.modules,
					Help: "a kernel module to bring besides those the machine needs",
				},
				{
					Long: "with", Arg: "PROGRAM", Into: &o.with, Check: func() string { return unknownTool(o.with) },
					Help: "bring lvm or mdadm, although nothing tells that the root needs it",
				},
				{
					Long: "generic", Into: &o.generic,
					Help: "bring modules for common hardware, not only for this machine",
				},
				{
					Long: "list", Arg: "WHAT", Into: &o.list,
					Check: cli.Among(&o.list, "Option --list takes crypttab, veritytab, modules or files.", "crypttab",
						"veritytab", "modules", "files"),
					Help: "make no image, but list what one by another program needs: crypttab, veritytab, " +
						"modules or files",
				},
				{
					Long: "include-keys", Into: &o.includeKeys,
					Help: "bring key files; who can read the image has them",
				},
				{
					Long: "sysroot", Arg: "DIR", Into: &o.sysroot,
					Help: "make the image for the system in this directory, with the orthrus there (implies --generic)",
				},
			},
			About: []string{
				"Makes an initial file system (initramfs) that unlocks and mounts the root of this machine. In " +
					"it are this program as the init, the kernel modules that the machine needs to reach its root " +
					"and its keyboard, the lines of crypttab and fstab that concern the root, and nothing else: no " +
					"shell. The same machine gives the same bytes.",
				"Where the root lies on LVM or on an md array, below encrypted volumes or in them, the machine's own " +
					"lvm or mdadm comes along, with its libraries and configuration, and starts whatever shows up; " +
					"what lacks a device is started without it after half a minute, where that does no harm. What is " +
					"not below the running root is known by its path in fstab and crypttab; --with asks for it.",
				"The root or /usr may be dm-verity images: roothash= and usrhash= on the kernel's command line, see " +
					"veritysetup(8), or lines of veritytab(5) that the root lies on or that are marked " +
					"x-initrd.attach.",
				"For thin and cached volumes of LVM, firmware's arrays and whatever else there is, use the " +
					"distribution's own maker of images, with the hook that is installed for it.",
				"Where a line that it takes has x-orthrus.remote, dropbear and klibc's ipconfig come in with their " +
					"libraries, and what Debian keeps in /etc/dropbear/initramfs: host keys, authorized_keys, and " +
					"DROPBEAR_OPTIONS of dropbear.conf, such as -p 2222. At boot the kernel's parameter ip= says how " +
					"the network comes up (by DHCP where there is none). Keys alone open the door, and behind it is " +
					"orthrus boot --answer whatever command is asked for. Who can read the image has the host key: " +
					"let it be one of its own. Images of other makers need no such line, but their own package of an " +
					"ssh server, whose keys are to have the command cryptroot-unlock.",
				"A key file is left out, and refused, unless --include-keys says that it may be in the image. " +
					"One on another device is read from there at boot.",
			},
			Examples: []cli.Example{
				{What: "For the running kernel:", Line: "orthrus mkinitramfs --output /boot/orthrus.img"},
				{
					What: "For another one, on other hardware too:",
					Line: "orthrus mkinitramfs --kernel 6.12.0-1-amd64 --generic --output /boot/orthrus.img",
				},
			},
			SeeAlso: []string{"boot"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return makeInitramfs(ctx, c, &o) },
	}
}

// makeInitramfs makes an initial file system whose init is this program.
func makeInitramfs(ctx context.Context, c *verb.Command, o *mkinitramfsOptions) error {
	if !c.Opt.Output.Set && !c.Opt.DryRun && !o.list.Set {
		return verb.Failure(ui.Failed, "Option --output is missing: the file to write.")
	}
	if c.Opt.Output.Set {
		if err := volume.Replaceable(c.Opt.Output.V); err != nil {
			return err
		}
	}
	root := "/"
	if o.sysroot.Set {
		root = o.sysroot.V
	}
	system := initramfs.System{
		Root: root, Kernel: o.kernel.V, Generic: o.generic,
		Cipher: func(device string) string { return cipherOn(ctx, device) }, Targets: targetsOf,
	}
	facts, err := system.Read(ctx)
	if err != nil {
		return err
	}
	facts.Modules, facts.Keys, facts.Part = o.modules, o.includeKeys, o.list.Set
	facts.Tools = append(facts.Tools, o.with...)
	plan, err := facts.Plan()
	if err == nil {
		err = system.Bring(ctx, &plan)
	}
	if err != nil {
		return err
	}
	for _, key := range plan.Left {
		c.UI.Errorf("WARNING: The key file %s does not come into the image; a passphrase will be asked for.", key)
	}
	if o.list.Set {
		return listNeeds(c, o, plan)
	}
	made := madeImage{Plan: plan, Output: c.Opt.Output.V}
	if !c.Opt.DryRun {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		if made.Size, err = plan.Save(ctx, c.Opt.Output.V, root, self); err != nil {
			return err
		}
	}
	return tellImage(c, made)
}

// listNeeds prints a part of the plan for the hook of another maker of images, one item a line.
func listNeeds(c *verb.Command, o *mkinitramfsOptions, p initramfs.Plan) error {
	switch o.list.V {
	case "crypttab", "veritytab":
		table := p.Crypttab
		if o.list.V == "veritytab" {
			table = p.Veritytab
		}
		for line := range strings.Lines(table) {
			c.UI.Printf("%s", strings.TrimSuffix(line, "\n"))
		}
	case "modules":
		for _, m := range p.Modules {
			c.UI.Printf("%s", kmod.Name(m.File))
		}
	case "files":
		for _, file := range p.Files {
			c.UI.Printf("%s", file.Path)
		}
	}
	return nil
}

// madeImage is the report of mkinitramfs --json.
type madeImage struct {
	initramfs.Plan
	Output string `json:"output,omitempty"`
	Size   int64  `json:"size,omitempty"` // bytes; none in a dry run
}

func tellImage(c *verb.Command, m madeImage) error {
	if c.Opt.JSON {
		return c.PrintJSON(m)
	}
	if c.Opt.DryRun || c.UI.Verbose {
		c.UI.Printf("kernel:   %s", m.Kernel)
		for _, line := range rows(m.Crypttab) {
			c.UI.Printf("crypttab: %s", line)
		}
		for line := range strings.Lines(m.Veritytab) {
			c.UI.Printf("veritytab: %s", strings.TrimSuffix(line, "\n"))
		}
		for _, line := range rows(m.Fstab) {
			c.UI.Printf("fstab:    %s", line)
		}
		for _, module := range m.Modules {
			c.UI.Printf("module:   %s", kmod.Name(module.File))
		}
		for _, file := range m.Files {
			c.UI.Printf("file:     %s", file.Path)
		}
	}
	if m.Size > 0 {
		c.UI.Printf("%s: %d bytes for kernel %s", m.Output, m.Size, m.Kernel)
	}
	return nil
}

// rows are the lines of a table, or a word for none.
func rows(text string) []string {
	if text == "" {
		return []string{"none"}
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// unknownTool is why a program cannot be brought.
func unknownTool(names []string) string {
	for _, name := range names {
		if tools.Named(name) == nil {
			return "Option --with takes lvm or mdadm."
		}
	}
	return ""
}

// targetsOf are the kinds of target that a mapping has now.
func targetsOf(mapping string) (kinds []string) {
	control, err := dm.Open()
	if err != nil {
		return nil
	}
	defer control.Close()
	states, _, _ := control.TableStatus(mapping, true) // what cannot be asked has no modules of its own
	for _, s := range states {
		kinds = append(kinds, s.Type)
	}
	return kinds
}

// cipherOn reads the cipher of the volume on a device, for the modules it needs; without an answer
// the usual ones must do.
func cipherOn(ctx context.Context, device string) string {
	file, err := luks.OpenDevice(device, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return ""
	}
	defer file.Close()
	volume, err := luks.Load(ctx, file)
	if err != nil {
		return ""
	}
	if volume.Data.Integrity != nil {
		if scheme, err := volume.Scheme(); err == nil {
			return scheme.Kernel
		}
	}
	return volume.Data.Cipher
}
