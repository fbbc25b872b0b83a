// SPDX-License-Identifier: Apache-2.0

package keyring_test

import (
	"fmt"
	"runtime"

	"github.com/orthrus-luks/orthrus/dm/keyring"
)

// A volume key goes into the thread keyring right before the table that names it is loaded. The
// goroutine keeps its thread until the kernel has looked the key up.
func Example() {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	id, err := keyring.Add(keyring.TypeLogon, "example:volume-key", make([]byte, 64), keyring.Thread)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer keyring.Unlink(id, keyring.Thread)
	found, err := keyring.Request(keyring.TypeLogon, "example:volume-key")
	fmt.Println(found == id, err)
	_, err = keyring.Read(id)
	fmt.Println(err != nil)
	// Output:
	// true <nil>
	// true
}
