// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
)

// Settings are what a command line says about encrypted volumes.
type Settings struct {
	Disabled    bool // luks=no: nothing is unlocked
	NoCrypttab  bool // luks.crypttab=no
	Volumes     []Volume
	Only        []string // uuids in lower case, or beginnings: of the crypttab only these are used; nil for all
	Key         string   // for volumes that have none of their own, as in a crypttab
	Options     string   // likewise
	AllDiscards bool
	Discards    []string      // uuids in lower case
	KeyTimeout  time.Duration // how long to wait for key devices, 0 unless said
	Timeout     crypttab.Span // how long a prompt waits
	Tries       int           // 0 unless said

	Initrd    bool   // read for the initial file system
	Root      string // root=
	RootTypes string // rootfstype=
	RootFlags string // rootflags=
	Writable  bool   // rw, and no ro behind it
	Init      string // init=
	Resume    Resume
	Verity    Verity
	Usr       Usr
	Consoles  []string // console=, names in /dev, without their modes
	Keymap    string

	DeviceTimeout crypttab.Span
	Degraded      bool
	OnFailure     string // "", "retry", "reboot", "halt"
	Twins         string // "", "refuse", "first"
	Ciphers       string // separated by blanks

	Problems []Problem
}

// Resume is where a hibernated system may lie.
type Resume struct {
	Device string // as in fstab(5); "" for none
	Offset string // of a swap file, in pages
	Never  bool   // noresume
}

// Usr is a /usr of its own.
type Usr struct {
	Source string // mount.usr=, as in fstab(5); "" for none
	Types  string // mount.usrfstype=
	Flags  string // mount.usrflags=
}

// Volume is a volume that the command line names, by uuid or by device.
type Volume struct {
	_ [0]func() // no comparison is made of it

	From    string // the parameter, for messages
	UUID    string // in lower case, of the LUKS header, or its beginning; or empty
	Device  string // as in a crypttab, or empty where UUID is all
	Name    string // of the mapping, or empty for the default
	Data    string // device of the data, where the header is detached
	Header  string
	Key     string // as in a crypttab, or empty
	Options string // as in a crypttab
	Listed  bool   // it is to be unlocked, not only described
}

// Problem is a parameter that was passed over.
type Problem struct {
	Parameter string
	Why       string
}

func (p Problem) String() string { return "parameter " + p.Parameter + ": " + p.Why }

func (s *Settings) problem(parameter, why string) {
	s.Problems = append(s.Problems, Problem{parameter, why})
}

// ofUUID is the volume of that uuid, made where there is none yet.
func (s *Settings) ofUUID(from, uuid string) *Volume {
	for i := range s.Volumes {
		if s.Volumes[i].UUID == uuid {
			return &s.Volumes[i]
		}
	}
	s.Volumes = append(s.Volumes, Volume{From: from, UUID: uuid})
	return &s.Volumes[len(s.Volumes)-1]
}

// described is the volume on that device, made where there is none yet; it is not to be unlocked for
// that alone.
func (s *Settings) described(from, device string) *Volume {
	for i := range s.Volumes {
		if s.Volumes[i].Device == device {
			return &s.Volumes[i]
		}
	}
	s.Volumes = append(s.Volumes, Volume{From: from, Device: device})
	return &s.Volumes[len(s.Volumes)-1]
}

// ofDevice is the volume on that device, made where there is none yet.
func (s *Settings) ofDevice(from, device string) *Volume {
	v := s.described(from, device)
	v.Listed = true
	return v
}
