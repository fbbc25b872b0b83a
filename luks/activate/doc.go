// SPDX-License-Identifier: Apache-2.0

// Package activate maps encrypted data through dm-crypt: values of a volume in, a mapped device
// out. It is the one place that knows both what LUKS calls things and what the device-mapper does.
//
// The volume key reaches the kernel by reference where the kernel allows it: it is put into the
// thread keyring as a "logon" key, which no process can read back, the table names it, and it is
// taken out again once the table is loaded. Elsewhere, and for LUKS1 as cryptsetup does it, the
// table carries the key in hexadecimal, in wiped memory and under the secure-data flag.
package activate
