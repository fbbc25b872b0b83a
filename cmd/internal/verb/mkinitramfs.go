// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"os"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/initramfs"
	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
)

// mkinitramfs makes an initial file system whose init is this program.
func mkinitramfs(ctx context.Context, c *command) error {
	if !c.o.Output.Set && !c.o.DryRun && !c.o.List.Set {
		return failure(ui.Failed, "Option --output is missing: the file to write.")
	}
	root := "/"
	if c.o.Sysroot.Set {
		root = c.o.Sysroot.V
	}
	facts, err := initramfs.System{
		Root: root, Kernel: c.o.Kernel.V, Generic: c.o.Generic,
		Cipher: func(device string) string { return cipherOn(ctx, device) },
	}.Read()
	if err != nil {
		return err
	}
	facts.Modules, facts.Keys, facts.Part = c.o.Modules, c.o.IncludeKeys, c.o.List.Set
	plan, err := facts.Plan()
	if err != nil {
		return err
	}
	for _, key := range plan.Left {
		c.ui.Errorf("WARNING: The key file %s does not come into the image; a passphrase will be asked for.", key)
	}
	if c.o.List.Set {
		return c.listNeeds(plan)
	}
	made := madeImage{Plan: plan, Output: c.o.Output.V}
	if !c.o.DryRun {
		self, err := os.Executable()
		if err != nil {
			return err
		}
		if made.Size, err = plan.Save(c.o.Output.V, root, self); err != nil {
			return err
		}
	}
	return c.tellImage(made)
}

// listNeeds prints a part of the plan for the hook of another maker of images, one item a line.
func (c *command) listNeeds(p initramfs.Plan) error {
	switch c.o.List.V {
	case "crypttab":
		if p.Crypttab != "" {
			c.ui.Printf("%s", strings.TrimSuffix(p.Crypttab, "\n"))
		}
	case "modules":
		for _, m := range p.Modules {
			c.ui.Printf("%s", kmod.Name(m.File))
		}
	case "files":
		for _, file := range p.Files {
			c.ui.Printf("%s", file.Path)
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

func (c *command) tellImage(m madeImage) error {
	if c.o.JSON {
		return c.printJSON(m)
	}
	if c.o.DryRun || c.ui.Verbose {
		c.ui.Printf("kernel:   %s", m.Kernel)
		for _, line := range rows(m.Crypttab) {
			c.ui.Printf("crypttab: %s", line)
		}
		for _, line := range rows(m.Fstab) {
			c.ui.Printf("fstab:    %s", line)
		}
		for _, module := range m.Modules {
			c.ui.Printf("module:   %s", kmod.Name(module.File))
		}
		for _, file := range m.Files {
			c.ui.Printf("file:     %s", file.Path)
		}
	}
	if m.Size > 0 {
		c.ui.Printf("%s: %d bytes for kernel %s", m.Output, m.Size, m.Kernel)
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
