// SPDX-License-Identifier: Apache-2.0

// Package programs starts the programs under trial: ours and two releases of cryptsetup, each as a process that
// carries out many command lines, since a start costs more than the work. Ours is built with one file more (go
// build -overlay), which reads command lines from its standard input and gives them to the function that main calls;
// cryptsetup gets a library preloaded that calls main again and again. What runs is the whole program all the same: its
// options, locks, prompts and exit codes.
package programs

import (
	_ "embed"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// Program is one of them.
type Program struct {
	Name string   // "orthrus", "cryptsetup-2.6.1", …
	Argv []string // starts it once, as anybody would
	Ours bool

	serve []string // starts it as a server
	env   []string // of the server
}

// Set is what takes part, ours first.
type Set struct {
	Ours  *Program
	Peers []*Program
}

// All lists them.
func (s Set) All() []*Program { return append([]*Program{s.Ours}, s.Peers...) }

//go:embed server.c.txt
var serverSource []byte

//go:embed serve.go.txt
var serveSource []byte

// Build makes the programs in a folder.
func Build(dir string) (Set, error) {
	ours, err := buildOurs(dir)
	if err != nil {
		return Set{}, err
	}
	library, err := buildLibrary(dir)
	if err != nil {
		return Set{}, err
	}
	set := Set{Ours: ours}
	for _, release := range []struct{ suite, version string }{{"bookworm", "2.6.1"}, {"trixie", "2.7.5"}} {
		path, err := machine.Peer(release.suite)
		if err != nil {
			return Set{}, fmt.Errorf("%w: run ./scripts/setup", err)
		}
		set.Peers = append(set.Peers, peer("cryptsetup-"+release.version, path, library))
	}
	return set, nil
}

func buildOurs(dir string) (*Program, error) {
	out, err := exec.Command("go", "list", "-f", "{{.Dir}}", "github.com/orthrus-luks/orthrus/cmd/orthrus").Output()
	if err != nil {
		return nil, fmt.Errorf("go list cmd/orthrus: %w", err)
	}
	source := filepath.Join(dir, "serve.go")
	added := filepath.Join(string(out[:len(out)-1]), "zz_monkey_serves.go")
	overlay, err := json.Marshal(map[string]any{"Replace": map[string]string{added: source}})
	if err != nil {
		return nil, err
	}
	table := filepath.Join(dir, "overlay.json")
	if err := errors.Join(os.WriteFile(source, serveSource, 0o600), os.WriteFile(table, overlay, 0o600)); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "orthrus")
	build := exec.Command("go", "build", "-trimpath", "-overlay", table, "-o", path,
		"github.com/orthrus-luks/orthrus/cmd/orthrus")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("go build cmd/orthrus: %w\n%s", err, out)
	}
	argv := []string{path}
	return &Program{Name: "orthrus", Argv: argv, Ours: true, serve: argv, env: append(os.Environ(),
		"ORTHRUS_MONKEY_SERVES=1", "GOGC=800", ownState)}, nil
}

// ownState has undo copies go into the folder of the run, with which they go away.
const ownState = "ORTHRUS_STATE_DIR=state"

func buildLibrary(dir string) (string, error) {
	source, path := filepath.Join(dir, "server.c"), filepath.Join(dir, "server.so")
	if err := os.WriteFile(source, serverSource, 0o600); err != nil {
		return "", err
	}
	if out, err := exec.Command("gcc", "-Wall", "-Wextra", "-O1", "-shared", "-fPIC", "-o", path,
		source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("gcc: %w: run ./scripts/setup\n%s", err, out)
	}
	return path, nil
}

// peer is started past its script, whose shell the library is not for.
func peer(name, script, library string) *Program {
	lib := filepath.Join(filepath.Dir(script), "lib")
	return &Program{
		Name: name, Argv: []string{script},
		serve: []string{
			filepath.Join(lib, "ld-linux-x86-64.so.2"), "--library-path", lib, "--preload", library,
			"--argv0", "cryptsetup", filepath.Join(filepath.Dir(script), "cryptsetup.bin"),
		},
		env: append(os.Environ(), "OPENSSL_MODULES="+filepath.Join(lib, "ossl-modules")),
	}
}
