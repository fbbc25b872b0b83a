// SPDX-License-Identifier: Apache-2.0

// Package rescue searches a device for what is left of LUKS headers and makes a detached header of
// it. It only reads.
//
// Everything a LUKS header consists of begins on a 512-byte border of its partition, and
// partitions begin on such borders of their disk, so one look at the first bytes of every sector
// finds
//
//   - LUKS2 copies and LUKS1 headers, wherever the partition now begins or once began;
//   - the same without their magic: version and hdr_size give them away, checksum or fields
//     prove them;
//   - the JSON of a copy whose binary header is gone: its text parses and breaks no rule.
//
// What was found is put together into volumes by the place where each piece says that its
// partition begins. Offsets are in bytes.
package rescue
