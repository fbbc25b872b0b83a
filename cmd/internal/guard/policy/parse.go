// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/uuid"
)

// ErrConfig is the kind of a LineError.
var ErrConfig = errors.New("configuration")

// LineError says what is wrong with a line of the configuration.
type LineError struct {
	Line int // from 1
	Why  string
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %s", e.Line, e.Why) }

// Unwrap returns ErrConfig.
func (e *LineError) Unwrap() error { return ErrConfig }

// Parse reads a configuration. The error joins a *LineError for each line that is wrong; the
// configuration is then not to be used.
func Parse(text []byte) (Config, error) {
	p := parser{config: Default()}
	for line := range bytes.Lines(text) {
		p.line++
		p.read(strings.TrimSpace(string(line)))
	}
	return p.config, errors.Join(p.wrong...)
}

type parser struct {
	config Config
	line   int
	rule   *Rule // of the section, nil before the first
	wrong  []error
}

func (p *parser) fail(format string, args ...any) {
	p.wrong = append(p.wrong, &LineError{p.line, fmt.Sprintf(format, args...)})
}

func (p *parser) read(text string) {
	switch {
	case text == "" || text[0] == '#':
	case text[0] == '[':
		p.section(text)
	default:
		name, value, found := strings.Cut(text, "=")
		if !found {
			p.fail("%q is neither \"setting = value\" nor a section", text)
			return
		}
		p.setting(strings.TrimSpace(name), strings.TrimSpace(value))
	}
}

func (p *parser) section(text string) {
	p.rule = &Rule{} // what follows a bad head concerns nobody
	head, closed := strings.CutSuffix(text[1:], "]")
	kind, pattern, _ := strings.Cut(strings.TrimSpace(head), " ")
	pattern = strings.TrimSpace(pattern)
	switch {
	case !closed:
		p.fail("a section ends with ']'")
	case !slices.Contains([]string{"uuid", "path", "transport"}, kind):
		p.fail("a section begins with uuid, path or transport, not %q", kind)
	case pattern == "":
		p.fail("section %s names nothing", kind)
	case kind == "uuid" && !uuid.Valid(strings.ToLower(pattern)):
		p.fail("%q is no UUID", pattern)
	case kind == "path" && !validPattern(pattern):
		p.fail("%q is no pattern of absolute paths", pattern)
	default:
		p.config.Rules = append(p.config.Rules, Rule{Kind: kind, Pattern: pattern})
		p.rule = &p.config.Rules[len(p.config.Rules)-1]
	}
}

func validPattern(pattern string) bool {
	_, err := path.Match(pattern, "/")
	return err == nil && strings.HasPrefix(pattern, "/")
}

// setting takes over a value for the guard itself, for all devices, or for those of the section.
func (p *parser) setting(name, value string) {
	i := slices.IndexFunc(settings, func(s Setting) bool { return s.Name == name })
	if i < 0 {
		p.fail("unknown setting %q", name)
		return
	}
	switch s := settings[i]; {
	case s.OfGuard() && p.rule != nil:
		p.fail("%s concerns the guard itself and stands before the first section", name)
	case !s.Values.fits(value):
		p.fail("%s is %s, not %q", name, s.Values.Means(), value)
	case s.OfGuard():
		s.ofGuard(&p.config, value)
	case p.rule != nil:
		p.rule.set = append(p.rule.set, func(to *Policy) { s.ofDevice(to, value) })
	default:
		s.ofDevice(&p.config.Default, value)
	}
}
