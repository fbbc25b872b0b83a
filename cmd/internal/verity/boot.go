// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"context"
	"encoding/base64"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// BootMapping is a mapping that the kernel's command line or a veritytab ask for, in the words of veritytab(5).
type BootMapping struct {
	_ [0]func() // no comparison is made of it

	From             string // what asks for it, for messages
	Name, Data, Hash string // of the mapping; nodes of devices
	Root             string // hash, hexadecimal
	Options          string // with commas
}

// bootSwitches and bootValues are the options of veritytab(5) that are options of open, too.
var (
	bootSwitches = []string{
		"ignore-corruption", "restart-on-corruption", "panic-on-corruption", "ignore-zero-blocks", "check-at-most-once",
	}
	bootValues = []string{
		"format", "data-block-size", "hash-block-size", "data-blocks", "hash-offset", "salt", "uuid", "hash",
		"fec-offset", "fec-roots",
	}
)

// notForOpen are words of veritytab(5) for other programs, or that are as ever.
var notForOpen = []string{
	"", "auto", "noauto", "nofail", "_netdev", "x-initrd.attach", "superblock=yes", "superblock=true", "superblock=1",
}

// Find waits for a device, and returns its node.
type Find func(ctx context.Context, device string) (string, error)

// Open maps it. find waits for the device that an option names.
func (m BootMapping) Open(ctx context.Context, u *ui.UI, find Find) error {
	argv := []string{"veritysetup", actionOpen, m.Data, m.Name, m.Hash, m.Root}
	for word := range strings.SplitSeq(m.Options, ",") {
		option, remove, err := bootOption(ctx, word, find)
		if err != nil {
			return fmt.Errorf("%s: %w", m.From, err)
		}
		defer remove()
		if option != "" {
			argv = append(argv, option)
		}
	}
	return m.open(ctx, argv, u)
}

// bootOption is what open has for a word of veritytab(5), "" where it needs nothing. A word that is not known is an
// error: it could be one that makes the mapping safer.
func bootOption(ctx context.Context, word string, find Find) (option string, remove func(), err error) {
	remove = func() {}
	name, value, _ := strings.Cut(word, "=")
	switch {
	case slices.Contains(notForOpen, word):
	case slices.Contains(bootSwitches, word), slices.Contains(bootValues, name) && value != "":
		option = "--" + word
	case slices.Contains([]string{"superblock=no", "superblock=false", "superblock=0"}, word):
		option = "--no-superblock"
	case name == "fec-device":
		if option, err = find(ctx, value); err != nil {
			return "", nil, fmt.Errorf("the FEC data: %w", err)
		}
		option = "--fec-device=" + option
	case name == "root-hash-signature":
		if option, remove, err = signatureFile(value); err != nil {
			return "", nil, err
		}
		option = "--root-hash-signature=" + option
	default:
		return "", nil, fmt.Errorf("%q is no option of veritytab(5)", word)
	}
	return option, remove, nil
}

func (m BootMapping) open(ctx context.Context, argv []string, u *ui.UI) error {
	c, err := parse(argv)
	if err == nil {
		err = (&run{call: c, ui: u}).openMapping(ctx)
	}
	if err != nil {
		return fmt.Errorf("%s: mapping %s: %w", m.From, m.Name, err)
	}
	return nil
}

// signatureFile puts a signature that stands in the option itself into a file.
func signatureFile(value string) (file string, remove func(), err error) {
	text, inline := strings.CutPrefix(value, "base64:")
	if !inline {
		return value, func() {}, nil
	}
	signature, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", nil, fmt.Errorf("root-hash-signature=: %w", err)
	}
	if err := os.MkdirAll(os.TempDir(), 0o700); err != nil { // an initial file system may have none
		return "", nil, err
	}
	f, err := os.CreateTemp("", "signature-")
	if err != nil {
		return "", nil, err
	}
	_, err = f.Write(signature)
	return f.Name(), func() { _ = os.Remove(f.Name()) }, firstError(err, f.Close())
}
