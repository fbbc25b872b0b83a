// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"encoding/hex"
	"errors"
	"io"
	"os"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// needRoot is said early, before a device is looked at.
func (r *run) needRoot(at int) error {
	if r.rootHashFile == "" && len(r.args) <= at {
		return setup.Failure(ui.Failed, "Command requires <root_hash> or --root-hash-file option as argument.")
	}
	return nil
}

// root is the root hash of the command line: argument number at, or the root hash file.
func (r *run) root(at, size int) ([]byte, error) {
	text := ""
	if r.rootHashFile != "" {
		var err error
		if text, err = r.readRootFile(size); err != nil {
			return nil, err
		}
	} else {
		text = r.args[at]
	}
	root, err := hex.DecodeString(text)
	if err != nil || len(root) != size {
		return nil, setup.Failure(ui.Failed, "Invalid root hash string specified.")
	}
	return root, nil
}

func (r *run) readRootFile(size int) (string, error) {
	path := r.rootHashFile
	info, err := os.Stat(path)
	if err != nil {
		return "", setup.Because(ui.Failed, "Cannot read root hash file "+path+".", err)
	}
	if !info.Mode().IsRegular() || info.Size() < int64(2*size) {
		return "", setup.Failure(ui.Failed, "Invalid root hash file %s.", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return "", setup.Because(ui.Failed, "Cannot read root hash file "+path+".", err)
	}
	defer f.Close()
	text := make([]byte, 2*size)
	if _, err := io.ReadFull(f, text); err != nil {
		return "", setup.Because(ui.Failed, "Cannot read root hash file "+path+".", err)
	}
	return string(text), nil
}

// writeRootFile leaves the root hash in hexadecimal, without a newline. It does not wait for who reads a pipe.
func (r *run) writeRootFile(root []byte) error {
	if r.rootHashFile == "" {
		return nil
	}
	f, err := os.OpenFile(r.rootHashFile, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NONBLOCK, 0o600)
	if err != nil && !r.ui.Own {
		return setup.Because(ui.Failed, "Cannot create root hash file "+r.rootHashFile+" for writing.", err)
	}
	if err == nil {
		_, err = f.WriteString(hex.EncodeToString(root))
		sync := f.Sync()
		if errors.Is(sync, unix.EINVAL) { // a pipe or a terminal
			sync = nil
		}
		err = firstError(err, sync, f.Close())
	}
	if err != nil {
		return setup.Because(ui.Failed, "Cannot write root hash file "+r.rootHashFile+": "+causeOf(err)+".", err)
	}
	return nil
}

func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
