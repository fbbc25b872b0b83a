// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"bytes"
	"errors"
	"fmt"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"
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

// setting is one of the guard itself, or part of a policy.
func (p *parser) setting(name, value string) {
	if set, known := policySettings[name]; known {
		apply, why := set(value)
		switch {
		case why != "":
			p.fail("%s is %s, not %q", name, why, value)
		case p.rule != nil:
			p.rule.set = append(p.rule.set, apply)
		default:
			apply(&p.config.Default)
		}
		return
	}
	set, known := guardSettings[name]
	switch {
	case !known:
		p.fail("unknown setting %q", name)
	case p.rule != nil:
		p.fail("%s concerns the guard itself and stands before the first section", name)
	default:
		if why := set(&p.config, value); why != "" {
			p.fail("%s is %s, not %q", name, why, value)
		}
	}
}

// policySettings give the step that a value stands for, or what the value should have been.
var policySettings = map[string]func(value string) (apply func(*Policy), why string){
	"repair": func(v string) (func(*Policy), string) {
		return func(p *Policy) { p.Repair = Repair(v) }, oneOf(v, string(RepairOff), string(RepairRehearse), string(RepairProven))
	},
	"store": func(v string) (func(*Policy), string) {
		return func(p *Policy) { p.Store = Store(v) }, oneOf(v, string(StoreOff), string(StoreHeads), string(StoreFull))
	},
	"grow":      yesNo(func(p *Policy, yes bool) { p.Grow = yes }),
	"removable": yesNo(func(p *Policy, yes bool) { p.Removable = yes }),
	"key":       yesNo(func(p *Policy, yes bool) { p.Key = yes }),
	"ignore":    yesNo(func(p *Policy, yes bool) { p.Ignore = yes }),
}

func yesNo(set func(*Policy, bool)) func(string) (func(*Policy), string) {
	return func(v string) (func(*Policy), string) {
		return func(p *Policy) { set(p, v == "yes") }, oneOf(v, "yes", "no")
	}
}

func oneOf(value string, allowed ...string) string {
	if slices.Contains(allowed, value) {
		return ""
	}
	return strings.Join(allowed[:len(allowed)-1], ", ") + " or " + allowed[len(allowed)-1]
}

// guardSettings take over a value, or say what it should have been.
var guardSettings = map[string]func(c *Config, value string) string{
	"log": func(c *Config, v string) string {
		c.Log = Log(v)
		return oneOf(v, string(LogAuto), string(LogText), string(LogJSON), string(LogJournal))
	},
	"level": func(c *Config, v string) string {
		c.Level = v
		return oneOf(v, "debug", "info", "warn", "error")
	},
	"metrics": func(c *Config, v string) string {
		c.Metrics = v
		return absolute(v)
	},
	"images": func(c *Config, v string) string {
		c.Images = append(c.Images, v)
		if !validPattern(v) {
			return "a pattern of absolute paths"
		}
		return ""
	},
	"settle": func(c *Config, v string) string {
		d, err := time.ParseDuration(v)
		c.Settle = d
		if err != nil || d < 0 || d > time.Minute {
			return "a time up to 1m, such as 200ms"
		}
		return ""
	},
	"workers": func(c *Config, v string) string {
		n, err := strconv.Atoi(v)
		c.Workers = n
		if err != nil || n < 1 || n > 64 {
			return "a number from 1 to 64"
		}
		return ""
	},
}

func absolute(v string) string {
	if !strings.HasPrefix(v, "/") {
		return "an absolute path"
	}
	return ""
}
