// SPDX-License-Identifier: Apache-2.0

package dm_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// Make a device that reads as zeros, look at it, and take it down again. This one needs root and a
// kernel with the device-mapper, so it is compiled and not run.
func Example() {
	control, err := dm.Open()
	if errors.Is(err, dm.ErrNoDeviceMapper) {
		log.Fatal("this kernel has no device-mapper")
	}
	if err != nil {
		log.Fatal(err)
	}
	defer control.Close()

	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	info, err := control.Activate(ctx, dm.Plan{
		Name:  "nothing",
		Table: dm.Table{&target.Zero{Length: 2048}}, // 1 MiB
	})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println("device", info.Major, info.Minor)

	_, err = control.Remove(ctx, "nothing", dm.RemoveOptions{Retry: 5 * time.Second})
	var busy *dm.BusyError
	if errors.As(err, &busy) {
		log.Fatal("still held by ", busy.Holders)
	}
}

func ExampleMangle() {
	kernel, err := dm.Mangle("my disk")
	fmt.Println(kernel, err)
	fmt.Println(dm.Unmangle(kernel))
	_, err = dm.Mangle("a/b")
	fmt.Println(err)
	// Output:
	// my\x20disk <nil>
	// my disk
	// device-mapper: name "a/b": contains a slash or NUL
}
