// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
)

// put is fmt.Fprintf for what a header says: names in it are whatever somebody wrote there.
func put(b *strings.Builder, format string, args ...any) {
	fmt.Fprintf(b, format, printable.Args(args)...)
}

func said(format string, args ...any) string { return fmt.Sprintf(format, printable.Args(args)...) }
