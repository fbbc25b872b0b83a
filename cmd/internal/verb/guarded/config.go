// SPDX-License-Identifier: Apache-2.0

package guarded

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// maxConfig bounds a configuration, bytes.
const maxConfig = 1 << 20

// ReadConfig reads the configuration; without a file the defaults hold, unless one was named.
func ReadConfig(ctx context.Context, named cli.Value[string]) (policy.Config, error) {
	path := named.Or(policy.DefaultPath)
	text, err := ui.ReadNamed(ctx, path, maxConfig)
	if errors.Is(err, fs.ErrNotExist) && !named.Set {
		return policy.Default(), nil
	}
	if err != nil {
		return policy.Config{}, err
	}
	config, err := policy.Parse(text)
	if err != nil {
		return config, &verb.Notice{Text: fmt.Sprintf("%s: %s.", path, verb.OneLine(err)), Code: ui.Failed, Err: err}
	}
	return config, nil
}

// ID is how the guard calls a device: by its number, or an image by its absolute path.
func ID(path string) (string, error) {
	dev, err := block.Open(path, 0)
	if err != nil {
		return "", err
	}
	defer dev.Close()
	if dev.IsBlock() {
		return fmt.Sprintf("%d:%d", dev.Major(), dev.Minor()), nil
	}
	return filepath.Abs(path)
}
