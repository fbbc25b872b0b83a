// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
)

// KeyKind says where a volume's key lies.
type KeyKind string

// The kinds of key.
const (
	NoKey     KeyKind = ""       // people and keyrings are asked
	KeyFile   KeyKind = "file"   // a file, here or on the file system of Device; or a socket that answers
	RawKey    KeyKind = "raw"    // bytes of Device
	RandomKey KeyKind = "random" // made up, for volumes that live for one boot
	ScriptKey KeyKind = "script" // printed by a program
)

// Key is where a volume's key lies.
type Key struct {
	Kind         KeyKind
	Path         string    `json:",omitempty"` // of the file, on Device where there is one; of the program
	Device       Reference `json:",omitzero"`  // may show up late
	FileSystem   string    `json:",omitempty"` // type of the one on Device, or empty to find out
	Offset, Size uint64    `json:",omitzero"`  // bytes of the file or of Device; Size 0 for all
	Argument     string    `json:",omitempty"` // of the program
	Erase        bool      `json:",omitempty"` // the file is overwritten and removed once it was used
}

// passdev are the names of Debian's program that waits for a device and prints a file on it.
const passdev = "passdev"

// parseKey reads the third field of a crypttab, or what package cmdline makes of a parameter.
func parseKey(text, script string) Key {
	switch {
	case isRandom(text):
		return Key{Kind: RandomKey, Path: text}
	case script != "":
		return scriptKey(text, script)
	case text == "", text == "-", text == "none":
		return Key{}
	}
	if rest, raw := strings.CutPrefix(text, cmdline.RawKey); raw {
		return rawKey(rest)
	}
	text, fs, _ := strings.Cut(text, cmdline.FSType)
	path, device := splitDevice(text)
	if r := ParseReference(path); device == "" && (r.Kind != Path || strings.HasPrefix(path, "/dev/")) {
		return Key{Kind: RawKey, Device: r}
	}
	return Key{Kind: KeyFile, Path: path, Device: ParseReference(device), FileSystem: fs}
}

func isRandom(path string) bool {
	return path == "/dev/urandom" || path == "/dev/random" || path == "/dev/hw_random"
}

// scriptKey runs a program, except for Debian's passdev, which is done here.
func scriptKey(text, script string) Key {
	base := script[strings.LastIndexByte(script, '/')+1:]
	if base != passdev {
		return Key{Kind: ScriptKey, Path: script, Argument: text}
	}
	parts := strings.Split(text, ":")
	if len(parts) < 2 {
		return Key{Kind: ScriptKey, Path: script, Argument: text}
	}
	return Key{Kind: KeyFile, Path: rooted(parts[1]), Device: ParseReference(parts[0])}
}

// rawKey reads OFFSET,SIZE:DEVICE.
func rawKey(text string) Key {
	numbers, device, _ := strings.Cut(text, ":")
	offset, size, _ := strings.Cut(numbers, ",")
	k := Key{Kind: RawKey, Device: ParseReference(device)}
	k.Offset, _ = strconv.ParseUint(offset, 10, 53) // digits: package cmdline has looked
	k.Size, _ = strconv.ParseUint(size, 10, 32)
	return k
}

func rooted(path string) string {
	if strings.HasPrefix(path, "/") {
		return path
	}
	return "/" + path
}

// splitDevice cuts PATH:DEVICE, where a device is /dev/… or UUID=… and its like; a colon before
// anything else is part of the path.
func splitDevice(text string) (path, device string) {
	for i := range len(text) {
		if text[i] != ':' || i == 0 {
			continue
		}
		rest := text[i+1:]
		if strings.HasPrefix(rest, "/dev/") || ParseReference(rest).Kind != Path && rest != "" {
			return text[:i], rest
		}
	}
	return text, ""
}
