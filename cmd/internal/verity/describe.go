// SPDX-License-Identifier: Apache-2.0

package verity

import "github.com/orthrus-luks/orthrus/cmd/internal/popt"

// Grammar is what the manual tells: actions and options in the order of help, our own options at the end.
func Grammar() *popt.Grammar {
	g := grammar(&options{})
	kernels := kernelOf()
	for i := range g.Options {
		if since := kernels[g.Options[i].Long]; since != "" {
			g.Options[i].Help += ". The kernel does it from Linux " + since + " on"
		}
	}
	return g
}

// kernelOf is the first kernel that maps with an option.
func kernelOf() map[string]string {
	r := &run{call: &call{}}
	all := map[string]string{}
	for _, f := range append(r.features(), r.withValues()...) {
		all[f.long] = f.kernel
	}
	return all
}
