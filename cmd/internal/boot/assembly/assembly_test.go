// SPDX-License-Identifier: Apache-2.0

package assembly

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/tools"
)

// noting is a starter whose program writes down how it is called and complains as told.
func noting(t *testing.T, name, complaint string) (s *starter, calls func() []string, said *[]string) {
	t.Helper()
	dir := t.TempDir()
	log := filepath.Join(dir, "log")
	program := filepath.Join(dir, "program")
	script := fmt.Sprintf("#!/bin/sh\necho \"$*\" >>%s\n%s\n", log, complaint)
	if err := os.WriteFile(program, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	said = &[]string{}
	s = &starter{tool: tools.Named(name), program: program, report: func(err error) { *said = append(*said, err.Error()) }}
	return s, func() []string {
		text, _ := os.ReadFile(log)
		return strings.Split(strings.TrimSuffix(string(text), "\n"), "\n")
	}, said
}

// stages are what there is, one after the other: the next one comes when the one before has been looked at.
type stages struct {
	all [][]string
	at  int
}

func (s *stages) Parts(string) ([]string, <-chan struct{}) {
	nodes, changed := s.all[min(s.at, len(s.all)-1)], make(chan struct{})
	if s.at++; s.at < len(s.all) {
		close(changed)
	}
	return nodes, changed
}

func TestToolIsCalledForEachNewPartAndOnceMoreWhenTheyStayAway(t *testing.T) {
	a, b := []string{"/dev/a"}, []string{"/dev/a", "/dev/b"}
	start := "vgchange -aay --sysinit --noudevsync --activationmode "
	tests := []struct {
		name, tool string
		seen       [][]string
		want       []string
	}{
		{"nothing is there", "lvm", [][]string{nil}, []string{""}},
		{"one, then two", "lvm", [][]string{nil, a, a, a, b}, []string{start + "complete", start + "complete", start + "degraded"}},
		{
			"arrays", "mdadm",
			[][]string{a, nil},
			[]string{"--incremental --quiet --homehost=<ignore> /dev/a", "--incremental --run --scan"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			s, calls, said := noting(t, test.tool, "")
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(t.Context(), 2*Patience)
				defer cancel()
				s.watcher = &stages{all: test.seen}
				s.run(ctx)
			})
			if got := calls(); !slices.Equal(got, test.want) {
				t.Errorf("%q", got)
			}
			if len(*said) > 0 {
				t.Errorf("said %q", *said)
			}
		})
	}
}

func TestOnlyTheLastComplaintIsPassedOn(t *testing.T) {
	s, _, said := noting(t, "lvm", "echo all is well; echo no such disk >&2; exit 5")
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 2*Patience)
		defer cancel()
		s.watcher = &stages{all: [][]string{{"/dev/a"}}}
		s.run(ctx)
	})
	if len(*said) != 1 || !strings.Contains((*said)[0], "without it: no such disk: lvm: exit status 5") || strings.Contains((*said)[0], "well") {
		t.Errorf("%q", *said)
	}
}

func TestHalfOfAMirrorOnMappingsWaitsForTheLastPassphrase(t *testing.T) {
	for _, test := range []struct {
		node  string
		typed time.Duration // when the last one is typed
		calls int           // in ten times the patience
	}{
		{"/dev/dm-0", 5 * Patience, 2}, {"/dev/dm-0", 20 * Patience, 1}, {"/dev/sda1", 20 * Patience, 2},
	} {
		s, calls, _ := noting(t, "lvm", "")
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 10*Patience)
			defer cancel()
			unlocked := make(chan struct{})
			time.AfterFunc(test.typed, func() { close(unlocked) })
			s.watcher, s.unlocked = &stages{all: [][]string{{test.node}}}, unlocked
			s.run(ctx)
		})
		if got := calls(); len(got) != test.calls {
			t.Errorf("%s, %v: %q", test.node, test.typed, got)
		}
	}
}
