// SPDX-License-Identifier: Apache-2.0

package target_test

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/target"
)

// The line cryptsetup loads for a LUKS2 volume with 4096-byte sectors and discards allowed.
func ExampleCrypt() {
	line := &target.Crypt{
		Length: 43008,
		Cipher: "aes-xts-plain64",
		Key: target.Key{Ring: &target.RingKey{
			Size: 64, Type: "logon", Description: "cryptsetup:11111111-2222-4333-8444-555555555555-d0",
		}},
		Device:     "7:0",
		Offset:     6144,
		Flags:      target.AllowDiscards,
		SectorSize: 4096,
	}
	text, err := target.Text(line)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer text.Close()
	fmt.Println(string(text.Bytes())) // no key in it
	// Output:
	// 0 43008 crypt aes-xts-plain64 :64:logon:cryptsetup:11111111-2222-4333-8444-555555555555-d0 0 7:0 6144 2 allow_discards sector_size:4096
}

func ExampleParse() {
	line, err := target.Parse([]byte("0 2048 linear 253:3 384"))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer line.Close()
	linear := line.(*target.Linear)
	fmt.Println(linear.Length, linear.Device, linear.Offset)
	// Output:
	// 2048 253:3 384
}
