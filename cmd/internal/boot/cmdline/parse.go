// SPDX-License-Identifier: Apache-2.0

package cmdline

import (
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
)

// MaxSize bounds what is read of a command line, in bytes; the kernel's own bound is lower.
const MaxSize = 64 << 10

// Parse reads a command line up to "--", behind which all is the init's. Without initrd, parameters that begin with
// "rd." are left to the
// initial file system, which has dealt with them.
func Parse(text string, initrd bool) Settings {
	p := parser{initrd: initrd, s: Settings{Initrd: initrd}}
	if len(text) > MaxSize {
		text = text[:MaxSize]
		p.s.problem("", "the command line is cut at its greatest length")
	}
	for _, word := range Split(text) {
		if word == "--" {
			break
		}
		name, value, has := strings.Cut(word, "=")
		p.apply(parameter{strings.ReplaceAll(name, "_", "-"), value, has})
	}
	p.finish()
	return p.s
}

// parameter is NAME or NAME=VALUE.
type parameter struct {
	name  string // with "-" for "_"
	value string
	has   bool
}

// noDevice is what is wrong with a parameter that is to name one and has no value.
const noDevice = "it names no device"

// parser collects what several parameters say together.
type parser struct {
	s        Settings
	initrd   bool
	arch     series[arch]
	alpine   series[alpine]
	gentoo   gentoo
	cryptkey series[cryptkey] // of both
}

// series are the volumes that parameters of one family describe. What stands before the first one's
// device belongs to it, too.
type series[T any] struct {
	all   []*T
	begun bool // the device of the first is known
}

// now is the volume that a parameter adds to.
func (s *series[T]) now() *T {
	if len(s.all) == 0 {
		s.all = append(s.all, new(T))
	}
	return s.all[len(s.all)-1]
}

// next is the volume whose device has come.
func (s *series[T]) next() *T {
	if s.begun {
		s.all = append(s.all, new(T))
	}
	s.begun = true
	return s.now()
}

// apply hands a parameter to the family that knows it.
func (p *parser) apply(q parameter) {
	if strings.HasPrefix(q.name, "rd.") && !p.initrd {
		return
	}
	for _, family := range []func(*parser, parameter) bool{
		(*parser).general, (*parser).own, (*parser).verity, (*parser).systemd, (*parser).dracut,
		(*parser).mkinitcpio, (*parser).debian,
		(*parser).mkinitfs, (*parser).genkernel,
	} {
		if family(p, q) {
			return
		}
	}
	for _, ours := range []string{"rd.luks.", "luks.", "rd.orthrus."} {
		if strings.HasPrefix(q.name, ours) {
			p.s.problem(q.name, "unknown")
		}
	}
}

// finish makes volumes of what spans several parameters.
func (p *parser) finish() {
	p.finishArch()
	p.finishAlpine()
	p.finishGentoo()
}

// general are parameters that concern more than encryption.
func (p *parser) general(q parameter) bool {
	switch q.name {
	case "root":
		p.s.Root = strings.ReplaceAll(q.value, `"`, "")
	case "rootfstype":
		p.s.RootTypes = q.value
	case "rootflags":
		p.s.RootFlags = q.value
	case "ro", "rw":
		p.s.Writable = q.name == "rw"
	case "init":
		p.s.Init = q.value
	case "resume":
		p.s.Resume.Device = strings.ReplaceAll(q.value, `"`, "")
	case "resume-offset":
		p.s.Resume.Offset = q.value
	case "mount.usr":
		p.s.Usr.Source = strings.ReplaceAll(q.value, `"`, "")
	case "mount.usrfstype":
		p.s.Usr.Types = q.value
	case "mount.usrflags":
		p.s.Usr.Flags = q.value
	case "noresume":
		p.s.Resume.Never = true
	case "console":
		p.console(q)
	case "rootdelay":
		p.span(q, &p.s.DeviceTimeout)
	case "rd.vconsole.keymap", "vconsole.keymap", "keymap":
		p.s.Keymap = q.value
	default:
		return false
	}
	return true
}

// console keeps the devices that the kernel writes to: "ttyS0,115200n8".
func (p *parser) console(q parameter) {
	name, _, _ := strings.Cut(q.value, ",")
	if name != "" && name != "null" && !slices.Contains(p.s.Consoles, name) {
		p.s.Consoles = append(p.s.Consoles, name)
	}
}

// own are the parameters of this program.
func (p *parser) own(q parameter) bool {
	switch q.name {
	case "rd.orthrus.on-failure":
		p.oneOf(q, &p.s.OnFailure, "retry", "reboot", "halt")
	case "rd.orthrus.twins":
		p.oneOf(q, &p.s.Twins, "refuse", "first")
	case "rd.orthrus.ciphers":
		p.s.Ciphers = strings.ReplaceAll(q.value, ",", " ")
	case "rd.orthrus.device-timeout":
		p.span(q, &p.s.DeviceTimeout)
	case "rd.orthrus.degraded":
		p.s.Degraded = p.on(q)
	default:
		return false
	}
	return true
}

func (p *parser) oneOf(q parameter, to *string, words ...string) {
	for _, word := range words {
		if q.value == word {
			*to = word
			return
		}
	}
	p.s.problem(q.name, q.value+" is none of "+strings.Join(words, ", "))
}

func (p *parser) span(q parameter, to *crypttab.Span) {
	d, ok := crypttab.ParseSpan(q.value)
	if !ok {
		p.s.problem(q.name, q.value+" is no time")
		return
	}
	*to = crypttab.Span{V: d, Set: true}
}

// on reads a boolean; the name alone is true, what is none counts as true and is a problem.
func (p *parser) on(q parameter) bool {
	if !q.has {
		return true
	}
	on, ok := crypttab.ParseBool(q.value)
	if !ok {
		p.s.problem(q.name, q.value+" is neither yes nor no")
		return true
	}
	return on
}

// Split cuts a command line into words as the kernel does: at blanks that are not between double
// quotes, which are taken away.
func Split(text string) []string {
	var words []string
	var word strings.Builder
	quoted, inside := false, false
	for _, c := range []byte(text) {
		switch {
		case c == '"':
			quoted, inside = !quoted, true
		case !quoted && (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == 0):
			if inside {
				words = append(words, word.String())
				word.Reset()
			}
			inside = false
		default:
			word.WriteByte(c)
			inside = true
		}
	}
	if inside {
		words = append(words, word.String())
	}
	return words
}
