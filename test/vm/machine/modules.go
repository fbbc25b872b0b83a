// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"compress/gzip"
	"debug/elf"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"strings"
)

// moduleInfo is what a module says of itself in its .modinfo section.
type moduleInfo struct {
	Name    string   // with underscores, as in /proc/modules
	Path    string   // in the guest
	Depends []string // must be loaded first
	Before  []string // soft dependencies: loaded first where they exist
	Aliases []string `json:",omitempty"`
	data    []byte
}

// moduleTree is a directory of modules and the names built into the kernel.
type moduleTree struct {
	dir     string
	files   map[string]string // name -> file
	builtin map[string]bool
}

func openModules(dir string) (*moduleTree, error) {
	t := &moduleTree{dir: dir, files: map[string]string{}, builtin: map[string]bool{}}
	list, err := os.ReadFile(filepath.Join(dir, "modules.builtin"))
	if err != nil {
		return nil, fmt.Errorf("machine: modules: %w", err)
	}
	for line := range strings.Lines(string(list)) {
		t.builtin[moduleName(strings.TrimSpace(line))] = true
	}
	return t, filepath.WalkDir(dir, func(p string, e fs.DirEntry, err error) error {
		if err == nil && strings.Contains(e.Name(), ".ko") {
			t.files[moduleName(p)] = p
		}
		return err
	})
}

func moduleName(file string) string {
	name, _, _ := strings.Cut(path.Base(file), ".ko")
	return strings.ReplaceAll(name, "-", "_")
}

// collect returns the named modules and everything they need, each once.
func (t *moduleTree) collect(names []string) (map[string]*moduleInfo, error) {
	found := map[string]*moduleInfo{}
	for _, name := range names {
		if err := t.add(found, moduleName(name)); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (t *moduleTree) add(found map[string]*moduleInfo, name string) error {
	if found[name] != nil || t.builtin[name] {
		return nil
	}
	info, err := t.read(name)
	if err != nil {
		return err
	}
	found[name] = info
	for _, dep := range info.Depends {
		if err := t.add(found, dep); err != nil {
			return err
		}
	}
	for _, dep := range info.Before {
		if t.files[dep] == "" {
			continue
		}
		if err := t.add(found, dep); err != nil {
			return err
		}
	}
	return nil
}

func (t *moduleTree) read(name string) (*moduleInfo, error) {
	file := t.files[name]
	if file == "" {
		return nil, fmt.Errorf("machine: no module %s in %s", name, t.dir)
	}
	data, err := readModule(file)
	if err != nil {
		return nil, fmt.Errorf("machine: module %s: %w", file, err)
	}
	info, err := parseModule(data)
	if err != nil {
		return nil, fmt.Errorf("machine: module %s: %w", file, err)
	}
	info.Name, info.Path, info.data = name, "/lib/modules/"+name+".ko", data
	return info, nil
}

// readModule returns the module as the kernel loads it, uncompressed.
func readModule(file string) ([]byte, error) {
	switch path.Ext(file) {
	case ".ko":
		return os.ReadFile(file)
	case ".gz":
		return readGzip(file)
	case ".xz":
		return exec.Command("xz", "-dc", file).Output()
	case ".zst":
		return exec.Command("zstd", "-dcq", file).Output()
	}
	return nil, fmt.Errorf("unknown compression %s", path.Ext(file))
}

func readGzip(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(z)
}

func parseModule(data []byte) (*moduleInfo, error) {
	f, err := elf.NewFile(bytes.NewReader(data))
	if err != nil {
		return nil, err
	}
	section := f.Section(".modinfo")
	if section == nil {
		return nil, fmt.Errorf("no .modinfo section")
	}
	text, err := section.Data()
	if err != nil {
		return nil, err
	}
	info := &moduleInfo{}
	for field := range strings.SplitSeq(string(text), "\x00") {
		info.take(field)
	}
	return info, nil
}

func (m *moduleInfo) take(field string) {
	key, value, _ := strings.Cut(field, "=")
	switch key {
	case "depends":
		for dep := range strings.SplitSeq(value, ",") {
			if dep != "" {
				m.Depends = append(m.Depends, moduleName(dep))
			}
		}
	case "softdep":
		m.Before = append(m.Before, softBefore(value)...)
	case "alias":
		m.Aliases = append(m.Aliases, value)
	}
}

// softBefore reads "pre: a b post: c".
func softBefore(text string) []string {
	var before []string
	pre := false
	for word := range strings.FieldsSeq(text) {
		switch word {
		case "pre:":
			pre = true
		case "post:":
			pre = false
		default:
			if pre {
				before = append(before, moduleName(word))
			}
		}
	}
	return before
}
