// SPDX-License-Identifier: Apache-2.0

// Command release packs every folder of a release into a tarball that is the same wherever it is made, writes beside
// it what a program consists of (SPDX), and the sums of all:
//
//	release -version 1.2.3 -commit 0123456789ab -time 1700000000 bin/release
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// about is what is said of a release.
type about struct {
	version, commit string
	when            time.Time
}

func main() {
	var a about
	flag.StringVar(&a.version, "version", "", "the version")
	flag.StringVar(&a.commit, "commit", "", "the commit")
	seconds := flag.Int64("time", 0, "the time of everything, in seconds since 1970")
	flag.Parse()
	a.when = time.Unix(*seconds, 0).UTC()
	if err := run(a, flag.Args()); err != nil {
		fmt.Fprintln(os.Stderr, "release:", err)
		os.Exit(1)
	}
}

func run(a about, args []string) error {
	if len(args) != 1 || a.version == "" {
		return fmt.Errorf("usage: release -version VERSION -commit COMMIT -time SECONDS FOLDER")
	}
	stages, err := filepath.Glob(filepath.Join(args[0], "orthrus-*"))
	if err != nil {
		return err
	}
	for _, stage := range stages {
		if info, err := os.Stat(stage); err != nil || !info.IsDir() {
			continue
		}
		if err := a.finish(stage); err != nil {
			return fmt.Errorf("%s: %w", stage, err)
		}
	}
	return writeSums(args[0])
}

// finish makes of a folder a tarball, and of its program a list of parts, in the tarball and beside it.
func (a about) finish(stage string) error {
	program := filepath.Join(stage, "bin", "orthrus")
	if _, err := os.Stat(program); err == nil {
		parts, err := a.partsOf(program, filepath.Base(stage))
		if err != nil {
			return err
		}
		for _, name := range []string{filepath.Join(stage, "sbom.spdx.json"), stage + ".spdx.json"} {
			if err := os.WriteFile(name, parts, 0o644); err != nil {
				return err
			}
		}
	}
	if err := pack(stage, stage+".tar.gz", a.when); err != nil {
		return err
	}
	return os.RemoveAll(stage)
}
