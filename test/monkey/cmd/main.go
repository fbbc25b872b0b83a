// SPDX-License-Identifier: Apache-2.0

// Command cmd plays random sequences of commands, or pairs of commands at once, and prints what came of them.
package main

import (
	"flag"
	"fmt"
	"os"

	"github.com/orthrus-luks/orthrus/test/monkey"
)

func main() {
	var o monkey.Options
	flag.IntVar(&o.Sequences, "sequences", 0, "sequences to play")
	flag.IntVar(&o.Pairs, "pairs", 0, "pairs of commands to race")
	flag.Uint64Var(&o.Seed, "seed", 1, "of the first sequence")
	flag.IntVar(&o.Workers, "workers", 2, "runners side by side")
	flag.IntVar(&o.Stop, "stop", 1000000, "failures after which to stop")
	flag.DurationVar(&o.For, "for", 0, "how long to go on; 0 without a limit")
	flag.BoolVar(&o.Verbose, "v", false, "tell why commands were refused")
	flag.Parse()
	failed, err := monkey.Main(os.Stdout, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if failed > 0 {
		os.Exit(1)
	}
}
