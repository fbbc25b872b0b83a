// SPDX-License-Identifier: Apache-2.0

// Command cmd tries every operation on volumes against every kind of disk fault and prints a table:
//
//	go run ./test/crash/cmd -images 1000000
//
// It exits with 1 where an invariant does not hold; the commands it prints then repeat single cases.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/orthrus-luks/orthrus/test/crash"
	"github.com/orthrus-luks/orthrus/test/crash/operation"
)

func main() {
	var (
		c crash.Config
		e exporter

		drawn bool
	)
	flag.Uint64Var(&c.Seed, "seed", 1, "seed of all chance")
	flag.IntVar(&c.Images, "images", 20000, "images to try at least")
	flag.IntVar(&c.Thin, "thin", 1, "of the images that are always tried, try one in so many")
	flag.BoolVar(&c.Dear, "dear", false, "try the dear operations alone, and in full; hours")
	flag.StringVar(&c.Operation, "operation", "", "try only the operation of this name")
	flag.StringVar(&c.Fault, "fault", "", "try only this kind of fault")
	flag.IntVar(&c.Case, "case", 0, "with -operation and -fault: try only this case")
	flag.IntVar(&c.Workers, "workers", 0, "goroutines; 0: one for each CPU")
	flag.BoolVar(&drawn, "drawn", false, "survey drawn volumes; without it, the recorded ones")
	flag.IntVar(&c.Shape, "shape", -1, "with -drawn: try only the volume of this number")
	flag.IntVar(&c.PerShape, "each", 0, "with -drawn: images of each operation on each volume, about; 0 for 1000")
	flag.StringVar(&e.folder, "export", "", "write images to this folder")
	flag.IntVar(&e.nth, "every", 1000, "with -export: one image in so many")
	flag.Parse()
	if e.folder != "" {
		c.Observe = e.observe
	}
	debug.SetGCPercent(400) // images come and go, and little of them stays
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	try := recorded
	if drawn {
		try = survey
	}
	broken, err := try(ctx, c)
	err = errors.Join(err, e.err)
	if err != nil {
		fmt.Fprintln(os.Stderr, "crash:", err)
	}
	if err != nil || broken > 0 {
		os.Exit(1)
	}
}

// survey tries operations on drawn volumes.
func survey(ctx context.Context, c crash.Config) (broken int, err error) {
	start := time.Now()
	chart, err := crash.Survey(ctx, operation.Kinds(), c)
	if err := chart.Write(os.Stdout); err != nil {
		return 0, err
	}
	fmt.Printf("\n%d images in %v, seed %d\n", chart.Tried, time.Since(start).Round(time.Second/10), c.Seed)
	return chart.Broken(), err
}

// recorded tries them on recorded volumes.
func recorded(ctx context.Context, c crash.Config) (broken int, err error) {
	start := time.Now()
	operations, err := operation.All()
	if err != nil {
		return 0, err
	}
	report, err := crash.Run(ctx, operations, c)
	if report == nil {
		return 0, err
	}
	if err := report.WriteTable(os.Stdout); err != nil {
		return 0, err
	}
	all, _ := report.Tried()
	fmt.Printf("\n%d images in %v, seed %d\n", all, time.Since(start).Round(time.Second/10), c.Seed)
	return report.Broken(), err
}
