// SPDX-License-Identifier: Apache-2.0

package udev_test

import (
	"context"
	"fmt"
	"log"

	"github.com/orthrus-luks/orthrus/udev"
)

// Follow the disks of this machine: first those that are there, then what happens to them. It does not
// end by itself, so it is compiled and not run.
func Example() {
	var system udev.System
	disks := udev.Match{Subsystem: "block", DevType: "disk"}
	options := udev.Options{Source: udev.Kernel, Matches: []udev.Match{disks}}
	if system.UdevRunning() {
		options.Source = udev.Udev
	}
	monitor, err := udev.Listen(options) // before the coldplug, so that nothing falls between the two
	if err != nil {
		log.Fatal(err)
	}
	defer monitor.Close()

	ctx := context.Background()
	look := func() {
		for e, err := range system.Coldplug(ctx, disks) {
			fmt.Println("there is", e.DevName, err)
		}
	}
	look()
	for e, err := range monitor.Events(ctx) {
		switch {
		case err != nil:
			log.Fatal(err)
		case e.Action == udev.Overrun:
			look()
		default:
			fmt.Println(e.Action, e.DevName, e.Resized())
		}
	}
}

func ExampleParseKernel() {
	e, err := udev.ParseKernel([]byte("change@/devices/pci0/virtio1/block/vda\x00" +
		"ACTION=change\x00DEVPATH=/devices/pci0/virtio1/block/vda\x00SUBSYSTEM=block\x00RESIZE=1\x00" +
		"MAJOR=254\x00MINOR=0\x00DEVNAME=vda\x00DEVTYPE=disk\x00DISKSEQ=3\x00SEQNUM=630\x00"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(e.Action, e.DevName, e.Major, e.Minor, e.Resized())
	for key, value := range e.Properties.All() {
		fmt.Println(key, "is", value)
	}
	// Output:
	// change /dev/vda 254 0 true
	// ACTION is change
	// DEVPATH is /devices/pci0/virtio1/block/vda
	// SUBSYSTEM is block
	// RESIZE is 1
	// MAJOR is 254
	// MINOR is 0
	// DEVNAME is vda
	// DEVTYPE is disk
	// DISKSEQ is 3
	// SEQNUM is 630
}
