// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// What is read at most, bytes: a list of all modules takes a few MiB, a module with all that debuggers want some 100.
const (
	maxList   = 64 << 20
	maxModule = 1 << 30
)

// ReadIndex reads the lists in a directory of modules. Only modules.dep must be
// there.
func ReadIndex(ctx context.Context, dir string) (*Index, error) {
	var l Lists
	for _, part := range []struct {
		name string
		into *[]byte
	}{
		{"modules.dep", &l.Dep}, {"modules.alias", &l.Alias}, {"modules.softdep", &l.Softdep}, {
			"modules.builtin",
			&l.Builtin,
		},
	} {
		text, err := ui.ReadNamed(ctx, filepath.Join(dir, part.name), maxList)
		if err != nil && (part.name == "modules.dep" || !errors.Is(err, fs.ErrNotExist)) {
			return nil, fmt.Errorf("kernel modules: %w", err)
		}
		*part.into = text
	}
	return NewIndex(l), nil
}

// ErrCompressed is the kind of errors about a module that can be had in
// compressed form only.
var ErrCompressed = errors.New("cannot uncompress the kernel module")

// decompressors are the programs for endings that Go's library cannot read. A
// machine that has such modules has the program: its own tools need it. Reading
// them here would make the binary a tenth larger, for something that is done
// once when an image is made.
var decompressors = map[string][]string{".xz": {"xz", "-dc"}, ".zst": {"zstd", "-dcq"}}

// Read returns a module uncompressed, and the name of its file without the
// ending of the compression. Errors are of kind ErrCompressed when it is
// compressed in a way that nothing here can read.
func Read(ctx context.Context, file string) (data []byte, name string, err error) {
	ending := filepath.Ext(file)
	name = strings.TrimSuffix(file, ending)
	switch ending {
	case ".ko":
		data, err = ui.ReadNamed(ctx, file, maxModule)
		return data, file, err
	case ".gz":
		data, err = readGzip(ctx, file)
		return data, name, err
	}
	argv := decompressors[ending]
	if argv == nil {
		return nil, "", fmt.Errorf("%s: %w", file, ErrCompressed)
	}
	if data, err = run(ctx, append(argv, file)); err != nil {
		return nil, "", fmt.Errorf("%s: %w: %w", file, ErrCompressed, err)
	}
	return data, name, nil
}

func run(ctx context.Context, argv []string) ([]byte, error) {
	var problem bytes.Buffer
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stderr = &problem
	data, err := cmd.Output()
	if err != nil {
		err = fmt.Errorf("%w %s", err, bytes.TrimSpace(problem.Bytes()))
	}
	return data, err
}

func readGzip(ctx context.Context, file string) ([]byte, error) {
	packed, err := ui.ReadNamed(ctx, file, maxModule)
	if err != nil {
		return nil, err
	}
	z, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	data, err := io.ReadAll(io.LimitReader(z, maxModule+1))
	if err == nil && len(data) > maxModule {
		err = ui.ErrTooLarge
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return data, nil
}
