// SPDX-License-Identifier: Apache-2.0

package verity

import "github.com/orthrus-luks/orthrus/cmd/internal/popt"

// Grammar is what the manual tells: actions and options in the order of help, our own options at the end.
func Grammar() *popt.Grammar { return grammar(&options{}) }
