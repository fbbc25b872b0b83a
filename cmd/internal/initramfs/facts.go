// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
)

// Facts are what is known of a machine and asked of its image.
type Facts struct {
	Kernel string      // version, as in /lib/modules
	Index  *kmod.Index // its modules; nil for a kernel that has all built in

	// Root is the fstab line of "/": source, type and options.
	Root Mount
	// Volumes are the encrypted mappings the root lies on, outermost first.
	Volumes []Volume
	// Verity are mappings by dm-verity: the root's, or of what is below it.
	Verity []string
	// Tools are the programs that start arrays and volume groups below the root,
	// and what was asked for by name: see the package tools.
	Tools []string
	// Foreign are mappings and arrays below the root that nothing in this image
	// can start: "bcache0".
	Foreign []string
	// Modaliases and modules of the drivers of the devices on the way to the
	// root, and of keyboards.
	Modaliases, Drivers []string
	// Generic asks for the modules of common hardware instead.
	Generic bool

	Remote Remote // where a line of the crypttab asks for it

	Crypttab  string
	Veritytab string
	Modules   []string // asked for by name
	Keys      bool     // key files may come into the image
	// Part is for the image of another program: what the root lies on besides
	// encrypted volumes is that one's business, and a key file that may not come
	// into the image is left out instead of refused.
	Part bool
}

// Mount is a file system of fstab(5).
type Mount struct{ Source, Type, Options string }

// Volume is an encrypted mapping.
type Volume struct {
	Name   string
	UUID   string // of the header; "" where it is not known
	Cipher string // as in a header: aes-xts-plain64; "" where it is not known
}

// ErrTool says that a program is missing that starts what the root lies on.
var ErrTool = errors.New("the root needs a program that is not installed")

// ErrForeign is the kind of a ForeignError.
var ErrForeign = errors.New("the root needs more than this image can do")

// ForeignError says that the root lies on something else than partitions,
// encrypted volumes, and plain volume groups and arrays.
type ForeignError struct{ What []string }

func (e *ForeignError) Error() string {
	return fmt.Sprintf("the root lies on %s, which an image by the distribution's own maker, with our hook, can start",
		strings.Join(e.What, " and "))
}

func (e *ForeignError) Unwrap() error { return ErrForeign }

// ErrKeyFile is the kind of a KeyFileError.
var ErrKeyFile = errors.New("a key file would come into the image")

// KeyFileError says that a volume is unlocked by a file that would have to be
// in the image, where whoever can read the image can read it.
type KeyFileError struct{ Volume, File string }

func (e *KeyFileError) Error() string {
	return fmt.Sprintf("%s is unlocked by the file %s, which would have to be in the image for all who can read that",
		e.Volume, e.File)
}

func (e *KeyFileError) Unwrap() error { return ErrKeyFile }
