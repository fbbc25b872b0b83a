// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	modulesFile  = "/lib/modules/orthrus.json"
	modprobePath = "/usr/sbin/modprobe"
)

// moduleSet is the guest's modules by name.
type moduleSet map[string]*moduleInfo

func readModuleSet() (moduleSet, error) {
	text, err := os.ReadFile(modulesFile)
	if err != nil {
		return nil, err
	}
	var set moduleSet
	return set, json.Unmarshal(text, &set)
}

// modprobe is what the kernel runs when it wants a module: "modprobe -q -- NAME".
func modprobe(args []string) int {
	set, err := readModuleSet()
	if err != nil {
		return 1
	}
	status := 1
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") {
			continue
		}
		for _, name := range set.lookup(arg) {
			if set.load(name) == nil {
				status = 0
			}
		}
	}
	return status
}

// lookup returns the modules of that name, or else those with such an alias.
func (s moduleSet) lookup(name string) []string {
	plain := strings.ReplaceAll(name, "-", "_")
	if s[plain] != nil {
		return []string{plain}
	}
	var found []string
	for _, m := range s {
		if slices.ContainsFunc(m.Aliases, func(alias string) bool { return aliasMatches(alias, name) }) {
			found = append(found, m.Name)
		}
	}
	slices.Sort(found)
	return found
}

func aliasMatches(alias, name string) bool {
	same := strings.NewReplacer("-", "_")
	ok, err := path.Match(same.Replace(alias), same.Replace(name))
	return ok && err == nil
}

// load inserts a module after those it needs. A module that is there already
// is no error.
func (s moduleSet) load(name string) error {
	m := s[name]
	if m == nil {
		return nil // built in
	}
	for _, dep := range m.Before {
		_ = s.load(dep)
	}
	for _, dep := range m.Depends {
		if err := s.load(dep); err != nil {
			return err
		}
	}
	return insert(m)
}

func insert(m *moduleInfo) error {
	f, err := os.Open(m.Path)
	if err != nil {
		return fmt.Errorf("module %s: %w", m.Name, err)
	}
	defer f.Close()
	err = unix.FinitModule(int(f.Fd()), "", 0)
	if err != nil && !errors.Is(err, unix.EEXIST) {
		return fmt.Errorf("module %s: %w", m.Name, err)
	}
	return nil
}
