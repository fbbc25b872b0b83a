// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/open"
	"golang.org/x/sys/unix"
)

// fileSource reads a key file, here or on the file system of a device, or bytes of a device.
type fileSource struct {
	engine  *engine
	key     plan.Key
	volume  string
	timeout time.Duration // for the device; 0 waits until another source was quicker
}

// Name says where the key lies.
func (s *fileSource) Name() string {
	switch {
	case s.key.Kind == plan.RawKey:
		return "the key on " + s.key.Device.String()
	case !s.key.Device.IsZero():
		return "key file " + s.key.Path + " on " + s.key.Device.String()
	}
	return "key file " + s.key.Path
}

// Secrets reads the one key.
func (s *fileSource) Secrets(ctx context.Context, try open.Try) error {
	if err := (open.One{Get: s.read}).Secrets(ctx, try); err != nil {
		return err
	}
	if s.key.Erase && s.key.Device.IsZero() {
		return erase(s.key.Path)
	}
	return nil
}

func (s *fileSource) read(ctx context.Context) (open.Secret, error) {
	key, err := s.bytes(ctx)
	if err != nil && ctx.Err() == nil {
		err = &KeyFileError{s.Name(), err}
	}
	return open.Passphrase(key), err
}

func (s *fileSource) bytes(ctx context.Context) (*secret.Buffer, error) {
	if s.key.Device.IsZero() {
		return s.answer(ctx, s.local)
	}
	waiting, cancel := ctx, context.CancelFunc(func() {})
	if s.timeout > 0 {
		waiting, cancel = context.WithTimeout(ctx, s.timeout)
	}
	defer cancel()
	found, err := s.engine.find(waiting, s.key.Device)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if err != nil {
		return nil, err
	}
	return s.answer(ctx, func(ctx context.Context) (*secret.Buffer, error) {
		if s.key.Kind == plan.RawKey {
			return s.open(ctx, found.Node)
		}
		return s.mounted(ctx, found.Node)
	})
}

// answer leaves behind what does not answer: a dying stick, a dead server behind a path, a FIFO that nobody
// writes to. What waits for somebody by its nature may do so for as long as others race.
func (s *fileSource) answer(ctx context.Context, read reading) (*secret.Buffer, error) {
	limit := s.timeout
	if limit == 0 && !waitsForSomebody(s.key) {
		limit = answerTimeout
	}
	if limit > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, limit)
		defer cancel()
	}
	return open.Bounded(ctx, func(late *secret.Buffer) { _ = late.Close() }, read)
}

// reading gets a key.
type reading func(context.Context) (*secret.Buffer, error)

// waitsForSomebody knows a FIFO and a socket of the present root.
func waitsForSomebody(key plan.Key) bool {
	if !key.Device.IsZero() {
		return false
	}
	info, err := os.Stat(key.Path)
	return err == nil && info.Mode()&(fs.ModeNamedPipe|fs.ModeSocket) != 0
}

// local reads a file of the present root, or what a program behind a socket says.
func (s *fileSource) local(ctx context.Context) (*secret.Buffer, error) {
	info, err := os.Stat(s.key.Path)
	if err == nil && info.Mode().Type() == fs.ModeSocket {
		return s.socket(ctx)
	}
	return s.open(ctx, s.key.Path)
}

func (s *fileSource) open(ctx context.Context, path string) (*secret.Buffer, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return s.readFrom(ctx, f)
}

func (s *fileSource) mounted(ctx context.Context, node string) (key *secret.Buffer, err error) {
	root, release, err := s.engine.mount(node, s.key.FileSystem)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, release()) }()
	f, err := within(root, s.key.Path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return s.readFrom(ctx, f)
}

func (s *fileSource) readFrom(ctx context.Context, f *os.File) (*secret.Buffer, error) {
	return ui.ReadKey(ctx, f, ui.Request{Offset: s.key.Offset, Size: s.key.Size})
}

// socket connects as systemd does: from an abstract name that tells the other side which volume the
// key is for.
func (s *fileSource) socket(ctx context.Context) (*secret.Buffer, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	f := os.NewFile(uintptr(fd), s.key.Path)
	defer f.Close()
	own := fmt.Sprintf("@%x/cryptsetup/%s", time.Now().UnixNano(), s.volume)
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: own}); err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: s.key.Path}); err != nil {
		return nil, err
	}
	return s.readFrom(ctx, f)
}

// erase overwrites a key file and removes it.
func erase(path string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err == nil {
		_, err = f.Write(make([]byte, min(info.Size(), ui.MaxKeyFile)))
	}
	return errors.Join(err, f.Sync(), f.Close(), os.Remove(path))
}

// usualKeyFiles are where systemd looks when a crypttab names no key file.
func usualKeyFiles(volume string) []string {
	if strings.Contains(volume, "/") {
		return nil
	}
	return []string{"/etc/cryptsetup-keys.d/" + volume + ".key", "/run/cryptsetup-keys.d/" + volume + ".key"}
}
