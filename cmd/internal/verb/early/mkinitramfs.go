// SPDX-License-Identifier: Apache-2.0

package early

import (
	"context"
	"os"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/initramfs"
	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
)

// Mkinitramfs makes an initial file system whose init is this program.
func Mkinitramfs(ctx context.Context, c *verb.Command) error {
	if !c.Opt.Output.Set && !c.Opt.DryRun && !c.Opt.List.Set {
		return verb.Failure(ui.Failed, "Option --output is missing: the file to write.")
	}
	root := "/"
	if c.Opt.Sysroot.Set {
		root = c.Opt.Sysroot.V
	}
	facts, err := initramfs.System{
		Root: root, Kernel: c.Opt.Kernel.V, Generic: c.Opt.Generic,
		Cipher: func(device string) string { return cipherOn(ctx, device) },
	}.Read()
	if err != nil {
		return err
	}
	facts.Modules, facts.Keys, facts.Part = c.Opt.Modules, c.Opt.IncludeKeys, c.Opt.List.Set
	plan, err := facts.Plan()
	if err != nil {
		return err
	}
	for _, key := range plan.Left {
		c.UI.Errorf("WARNING: The key file %s does not come into the image; a passphrase will be asked for.", key)
	}
	if c.Opt.List.Set {
		return listNeeds(c, plan)
	}
	made := madeImage{Plan: plan, Output: c.Opt.Output.V}
	if !c.Opt.DryRun {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		if made.Size, err = plan.Save(c.Opt.Output.V, root, self); err != nil {
			return err
		}
	}
	return tellImage(c, made)
}

// listNeeds prints a part of the plan for the hook of another maker of images, one item a line.
func listNeeds(c *verb.Command, p initramfs.Plan) error {
	switch c.Opt.List.V {
	case "crypttab":
		if p.Crypttab != "" {
			c.UI.Printf("%s", strings.TrimSuffix(p.Crypttab, "\n"))
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
	return volume.Data.Cipher
}
