// SPDX-License-Identifier: Apache-2.0

package kmod

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// ErrNoModule is the kind of errors about a module that the kernel has not.
var ErrNoModule = errors.New("no such kernel module")

// Lists are the texts of a directory of modules.
type Lists struct {
	Dep, Alias, Softdep, Builtin []byte
}

// Index is what a kernel has.
type Index struct {
	file    map[string]string   // by name
	needs   map[string][]string // names, in the order of loading
	before  map[string][]string // soft dependencies: names or aliases
	builtin map[string]bool
	aliases []alias
}

type alias struct{ pattern, module string }

// NewIndex reads the lists; a line that is none is passed over, as modprobe does.
func NewIndex(l Lists) *Index {
	x := &Index{
		file: map[string]string{}, needs: map[string][]string{}, before: map[string][]string{},
		builtin: map[string]bool{},
	}
	for line := range strings.Lines(string(l.Dep)) {
		x.dependency(line)
	}
	for line := range strings.Lines(string(l.Builtin)) {
		x.builtin[Name(strings.TrimSpace(line))] = true
	}
	for line := range strings.Lines(string(l.Alias)) {
		if f := strings.Fields(line); len(f) == 3 && f[0] == "alias" {
			x.aliases = append(x.aliases, alias{sameDashes(f[1]), Name(f[2])})
		}
	}
	for line := range strings.Lines(string(l.Softdep)) {
		if f := strings.Fields(line); len(f) > 2 && f[0] == "softdep" {
			x.before[Name(f[1])] = before(f[2:])
		}
	}
	return x
}

func (x *Index) dependency(line string) {
	file, needs, found := strings.Cut(line, ":")
	if !found {
		return
	}
	name := Name(file)
	x.file[name] = file
	for _, need := range slices.Backward(strings.Fields(needs)) {
		x.needs[name] = append(x.needs[name], Name(need))
	}
}

// before returns the names after "pre:".
func before(words []string) []string {
	var names []string
	pre := false
	for _, word := range words {
		if strings.HasSuffix(word, ":") {
			pre = word == "pre:"
		} else if pre {
			names = append(names, word)
		}
	}
	return names
}

// Name is the name of the module in a file, or of one spelled with dashes.
func Name(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return sameDashes(name)
}

func sameDashes(s string) string { return strings.ReplaceAll(s, "-", "_") }

// Has tells whether the kernel has a module of that name, built in or not.
func (x *Index) Has(name string) bool {
	name = sameDashes(name)
	return x.file[name] != "" || x.builtin[name]
}

// Match returns the names of the modules that answer to an alias such as
// "crypto-xts" or a device's modalias.
func (x *Index) Match(asked string) []string {
	asked = sameDashes(asked)
	var names []string
	for _, a := range x.aliases {
		if matches(a.pattern, asked) && !slices.Contains(names, a.module) {
			names = append(names, a.module)
		}
	}
	return names
}

// matches is fnmatch(3) without flags: a "*" also stands for slashes.
func matches(pattern, s string) bool {
	slash := strings.NewReplacer("/", "\x01")
	ok, err := path.Match(slash.Replace(pattern), slash.Replace(s))
	return ok && err == nil
}

// Module is a module's file and the files of those without which it does not
// load.
type Module struct {
	File  string   `json:"file"`
	Needs []string `json:"needs,omitempty"`
}

// Resolve returns the named modules and all they need, in the order of loading,
// each once. What is built in has no file and is left out. An unknown name is an
// error of kind ErrNoModule.
func (x *Index) Resolve(names ...string) ([]Module, error) {
	r := resolution{index: x, seen: map[string]bool{}}
	for _, name := range names {
		if !x.Has(name) {
			return nil, fmt.Errorf("%s: %w", name, ErrNoModule)
		}
		r.add(sameDashes(name))
	}
	return r.modules, nil
}

type resolution struct {
	index   *Index
	seen    map[string]bool
	modules []Module
}

func (r *resolution) add(name string) {
	if r.seen[name] {
		return
	}
	r.seen[name] = true
	for _, soft := range r.index.before[name] {
		r.addSoft(soft)
	}
	m := Module{File: r.index.file[name]}
	for _, need := range r.index.needs[name] {
		r.add(need)
		m.Needs = append(m.Needs, r.index.file[need])
	}
	if m.File != "" {
		r.modules = append(r.modules, m)
	}
}

// addSoft adds a module that is better there before another: one of that name,
// or those that answer to it.
func (r *resolution) addSoft(name string) {
	if r.index.Has(name) {
		r.add(sameDashes(name))
		return
	}
	for _, match := range r.index.Match(name) {
		r.add(match)
	}
}
