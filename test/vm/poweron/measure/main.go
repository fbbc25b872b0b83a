// SPDX-License-Identifier: Apache-2.0

// Measure compares what unlocks the root at boot: the size of the initial file
// systems, and the time from the kernel's hand-over to the mounted root.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"github.com/orthrus-luks/orthrus/test/vm/poweron"
)

func main() {
	machine.Init()
	rounds := flag.Int("rounds", 3, "boots of each image; the shortest counts")
	flag.Parse()
	if err := measure(*rounds); err != nil {
		fmt.Fprintln(os.Stderr, "measure:", err)
		os.Exit(1)
	}
}

func measure(rounds int) error {
	dir, err := os.MkdirTemp("", "orthrus-measure-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	all, err := poweron.Measure(context.Background(), dir, rounds, poweron.Ours, poweron.DebianWithHook,
		poweron.DebianOwn)
	if err != nil {
		return err
	}
	fmt.Println("From the kernel's hand-over to an unlocked and mounted root, key derivation left out:")
	poweron.Report(os.Stdout, all)
	return nil
}
