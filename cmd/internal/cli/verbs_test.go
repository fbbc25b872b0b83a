// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"io"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/all"
)

// The grammar is tested with the verbs that the program has.
func verbs() []cli.Verb { return all.Declarations(all.Verbs()) }

func start(argv []string, version string, stdout, stderr io.Writer) (*cli.Invocation, int) {
	return cli.Start(argv, version, verbs(), stdout, stderr)
}

func parse(argv []string) (*cli.Invocation, error) { return cli.Parse(argv, verbs()) }

func usage(program string) string { return cli.Usage(program, verbs()) }
