// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

// Verb is an action of the command line with what carries it out. A function that returns one makes
// the variables of its options anew each time, so that one Verb serves one command line.
type Verb struct {
	cli.Verb
	// Run carries the action out; nil for one that this program knows by name and refuses. Its error
	// becomes one line on standard error and an exit code: see Explain.
	Run func(ctx context.Context, c *Command) error
}
