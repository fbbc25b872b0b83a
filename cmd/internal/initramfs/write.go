// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/cpio"
	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// Write writes the image to w, with the program at self as init, or for another root the program that lies there, which
// may be for another processor. Modules and files are read below root, "/" for this machine.
func (p Plan) Write(ctx context.Context, w io.Writer, root, self string) error {
	z, err := gzip.NewWriterLevel(w, gzip.BestCompression)
	if err != nil {
		return err
	}
	archive := cpio.NewWriter(z)
	if err := p.fill(ctx, archive, root, self); err != nil {
		return err
	}
	return errors.Join(archive.Close(), z.Close())
}

func (p Plan) fill(ctx context.Context, c *cpio.Writer, root, self string) error {
	program, err := programFor(ctx, root, self)
	if err != nil {
		return err
	}
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run", "/etc"} {
		c.MkdirAll(dir)
	}
	c.Char("/dev/console", 5, 1)
	c.File("/init", 0o755, program)
	if err := p.modules(ctx, c, root); err != nil {
		return err
	}
	for _, f := range p.Files {
		if err := bring(ctx, c, root, f); err != nil {
			return err
		}
	}
	if len(p.Remote) > 0 {
		for _, text := range p.remoteTexts() {
			c.File(text[0], 0o644, []byte(text[1]))
		}
		c.Symlink(remoteShell, "/init")
	}
	if p.Crypttab != "" {
		c.File("/etc/crypttab", 0o644, []byte(p.Crypttab))
	}
	if p.Veritytab != "" {
		c.File("/etc/veritytab", 0o644, []byte(p.Veritytab))
	}
	if p.Fstab != "" {
		c.File("/etc/fstab", 0o644, []byte(p.Fstab))
	}
	return nil
}

// programFor reads the program that is installed in another root, or the one at self.
func programFor(ctx context.Context, root, self string) ([]byte, error) {
	if filepath.Clean(root) != "/" {
		for _, dir := range []string{"/usr/sbin", "/usr/local/sbin"} {
			program, err := readIn(ctx, root, dir+"/orthrus")
			if !errors.Is(err, fs.ErrNotExist) {
				return program, err
			}
		}
	}
	return os.ReadFile(self)
}

func (p Plan) modules(ctx context.Context, c *cpio.Writer, root string) error {
	if len(p.Modules) == 0 {
		return nil
	}
	dir := moduleDir(p.Kernel)
	var list strings.Builder
	for _, m := range p.Modules {
		data, _, err := kmod.Read(ctx, filepath.Join(root, dir, m.File))
		if err != nil {
			return err
		}
		c.File(filepath.Join(dir, uncompressed(m.File)), 0o644, data)
		list.WriteString(uncompressed(m.File) + ":")
		for _, need := range m.Needs {
			list.WriteString(" " + uncompressed(need))
		}
		list.WriteString("\n")
	}
	c.File(filepath.Join(dir, "modules.dep"), 0o644, []byte(list.String()))
	return nil
}

// maxFile bounds a key file or a header that comes into an image, bytes.
const maxFile = 64 << 20

// readIn reads a file below a directory, where absolute links lead to places in
// it, as they will in the image.
func readIn(ctx context.Context, root, file string) ([]byte, error) {
	dir, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	defer unix.Close(dir)
	how := unix.OpenHow{Flags: unix.O_PATH | unix.O_CLOEXEC, Resolve: unix.RESOLVE_IN_ROOT}
	fd, err := unix.Openat2(dir, file, &how)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: filepath.Join(root, file), Err: err}
	}
	defer unix.Close(fd)
	return ui.ReadNamed(ctx, fmt.Sprintf("/proc/self/fd/%d", fd), maxFile)
}

func bring(ctx context.Context, c *cpio.Writer, root string, f File) error {
	data, err := readIn(ctx, root, cmp.Or(f.From, f.Path))
	if err != nil {
		if f.optional && errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	mode := fs.FileMode(0o644)
	switch {
	case f.Private:
		mode = 0o400
	case f.program:
		mode = 0o755
	}
	c.File(f.Path, mode, data)
	return nil
}

// Save writes the image to a file that only root can read, which is there whole
// or, after an error, not at all; an older one is replaced at the end.
func (p Plan) Save(ctx context.Context, file, root, self string) (size int64, err error) {
	f, err := os.CreateTemp(filepath.Dir(file), "."+filepath.Base(file)+".*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name())
		}
	}()
	err = p.Write(ctx, f, root, self)
	if err == nil {
		size, err = f.Seek(0, io.SeekCurrent)
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return 0, err
	}
	if err := os.Rename(f.Name(), file); err != nil {
		return 0, err
	}
	return size, block.SyncDirectory(filepath.Dir(file))
}
