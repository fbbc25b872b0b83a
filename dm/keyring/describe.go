// SPDX-License-Identifier: Apache-2.0

package keyring

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Description is what the kernel tells about a key without its payload.
type Description struct {
	Type        string
	UID, GID    int
	Permissions Permissions
	Description string
}

// Describe asks for the description of a key.
func Describe(id ID) (Description, error) {
	text, err := unix.KeyctlString(unix.KEYCTL_DESCRIBE, int(id))
	if err != nil {
		return Description{}, failure("describe", id.String(), err)
	}
	d, err := parseDescription(text)
	if err != nil {
		return d, fmt.Errorf("keyring: describe %s: %w", id, err)
	}
	return d, nil
}

// parseDescription reads "type;uid;gid;permissions in hexadecimal;description".
func parseDescription(text string) (Description, error) {
	parts := strings.SplitN(strings.TrimRight(text, "\x00"), ";", 5)
	if len(parts) != 5 {
		return Description{}, fmt.Errorf("%d fields in %q, 5 expected", len(parts), text)
	}
	uid, err := strconv.Atoi(parts[1])
	if err != nil {
		return Description{}, err
	}
	gid, err := strconv.Atoi(parts[2])
	if err != nil {
		return Description{}, err
	}
	perm, err := strconv.ParseUint(parts[3], 16, 32)
	if err != nil {
		return Description{}, err
	}
	return Description{parts[0], uid, gid, Permissions(perm), parts[4]}, nil
}

// Keys lists what is linked in a keyring.
func Keys(ring ID) ([]ID, error) {
	buf, err := Read(ring)
	if err != nil {
		return nil, err
	}
	defer buf.Close()
	var ids []ID
	for p := buf.Bytes(); len(p) >= 4; p = p[4:] {
		ids = append(ids, ID(binary.NativeEndian.Uint32(p)))
	}
	return ids, nil
}
