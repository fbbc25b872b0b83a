// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
)

// foreignFormats are the formats of others that open reads, one entry each.
var foreignFormats = [...]struct {
	kind string // of --type
	open func(ctx context.Context, c *verb.Command) error
}{
	{kind: cli.TypeBitlk, open: openBitlk},
}

// foreignTypes are their values of --type.
func foreignTypes() (kinds []string) {
	for _, f := range foreignFormats {
		kinds = append(kinds, f.kind)
	}
	return kinds
}

func foreignType(kind string) bool { return slices.Contains(foreignTypes(), kind) }

func openForeign(ctx context.Context, c *verb.Command, kind string) error {
	for _, f := range foreignFormats {
		if f.kind == kind {
			return f.open(ctx, c)
		}
	}
	return verb.Failure(ui.Failed, "Device type %s is not supported by this program.", kind)
}
