// SPDX-License-Identifier: Apache-2.0

package transcript

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/orthrus-luks/orthrus/test/vectors"
)

// imageSize is that of a.img, b.img and d.img, bytes.
const imageSize = 24 << 20

// Player replays sessions in a directory, in the order of vectors.Sessions.
type Player struct {
	Dir string // with the files that the sessions begin with: see Prepare
	Bin string // a directory whose cryptsetup is the program to be tried

	played int
	equal  int
	known  []string
	held   *os.File // keeps a mapping in use
	loops  []string // attached loop devices
}

// Prepare makes key files and empty images.
func (p *Player) Prepare() error {
	var errs []error
	for name, passphrase := range map[string]string{"k1": "pass one", "k2": "pass two", "kw": "wrong"} {
		errs = append(errs, os.WriteFile(p.path(name), []byte(passphrase), 0o600))
	}
	for _, name := range []string{"a.img", "b.img", "d.img"} {
		errs = append(errs, os.WriteFile(p.path(name), nil, 0o600), os.Truncate(p.path(name), imageSize))
	}
	return errors.Join(errs...)
}

func (p *Player) path(name string) string { return filepath.Join(p.Dir, name) }

// Play carries out a session and returns the differences that nothing explains.
func (p *Player) Play(session string) ([]string, error) {
	var list []string
	for i, want := range vectors.Transcript(session) {
		if err := p.between(session, i); err != nil {
			return list, fmt.Errorf("%s, before step %d: %w", session, i, err)
		}
		got, err := p.run(edited(want.Command))
		if err != nil {
			return list, err
		}
		p.played++
		a, b := show(got), show(want)
		if a == b {
			p.equal++
			continue
		}
		if why := explained(want.Command); why != "" && (got.Exit == want.Exit || mayExit(want.Command)) {
			p.known = append(p.known, want.Command+"\n    "+why)
			continue
		}
		list = append(list, fmt.Sprintf("%s, step %d: $ %s\ngot\n%swant\n%s", session, i, want.Command, a, b))
	}
	return list, nil
}

// Table says how many commands were equal, and lists the known differences with their reasons.
func (p *Player) Table() string {
	return fmt.Sprintf("%d of %d commands print and return what cryptsetup 2.8.6 did; known differences:\n  %s\n  %s\n",
		p.equal, p.played, strings.Join(p.known, "\n  "), strings.Join(effects, "\n  "))
}

func (p *Player) run(command string) (vectors.Step, error) {
	cmd := exec.Command("sh", "-c", command)
	cmd.Dir = p.Dir
	cmd.Env = append(os.Environ(), "PATH="+p.Bin+":"+os.Getenv("PATH"), "LC_ALL=C",
		"ORTHRUS_STATE_DIR="+filepath.Join(p.Dir, ".state"))
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return vectors.Step{}, fmt.Errorf("%s: %w", command, err)
	}
	return vectors.Step{
		Command: command, Stdout: lines(stdout.String()), Stderr: lines(synopsis.ReplaceAllString(stderr.String(),
			"… (usage left out)\n")),
		Exit: cmd.ProcessState.ExitCode(), Open: stdout.Len() > 0 && !strings.HasSuffix(stdout.String(), "\n"),
	}, nil
}

// synopsis is what the recordings leave out.
var synopsis = regexp.MustCompile(`(?s)Usage: .*<action-specific>\n`)

func lines(text string) []string {
	if text == "" {
		return nil
	}
	return strings.Split(strings.TrimSuffix(text, "\n"), "\n")
}

// show puts a step into one text, without what differs at each run.
func show(s vectors.Step) string {
	var b strings.Builder
	for _, line := range s.Stdout {
		fmt.Fprintf(&b, "  %s\n", vague(line))
	}
	for _, line := range s.Stderr {
		fmt.Fprintf(&b, "! %s\n", vague(line))
	}
	fmt.Fprintf(&b, "= %d open %v\n", s.Exit, s.Open)
	return b.String()
}

// random are values that differ at each run: salts, digests, keys, UUIDs that were not given, and
// what counts earlier commands which the sessions leave out.
var random = []struct {
	is *regexp.Regexp
	as string
}{
	{regexp.MustCompile(`([0-9a-f]{2} ){4,}[0-9a-f]*`), "HEX"},
	{regexp.MustCompile(`"(salt|digest)":"[A-Za-z0-9+/=]+"`), `"$1":"BASE64"`},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}`), "UUID"},
	{regexp.MustCompile(`Epoch:(\s+)\d+`), "Epoch:${1}N"},
	{regexp.MustCompile(`0{64,}`), "KEY"},
}

func vague(line string) string {
	for _, r := range random {
		line = r.is.ReplaceAllString(line, r.as)
	}
	return line
}
