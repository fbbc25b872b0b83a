// SPDX-License-Identifier: Apache-2.0

// Command limit prints a time limit for this machine as it is now: `limit 10m` for go test's -timeout, and the factor
// itself, for ORTHRUS_PACE, without an argument.
package main

import (
	"fmt"
	"os"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
)

// most is how long a package that hangs is waited for, however busy the machine is.
const most = 2 * time.Hour

func main() {
	if len(os.Args) < 2 {
		fmt.Printf("%.2f\n", pace.Factor())
		return
	}
	quiet, err := time.ParseDuration(os.Args[1])
	if err != nil {
		fmt.Fprintln(os.Stderr, "limit:", err)
		os.Exit(2)
	}
	fmt.Println(min(pace.Limit(quiet), max(most, 2*quiet)).Round(time.Second))
}
