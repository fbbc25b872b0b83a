// SPDX-License-Identifier: Apache-2.0

// Package layout says where the bytes of a volume may lie. Of gives every byte of a device one owner; the
// room functions are the only place in this module that computes how far metadata may reach; Check refuses,
// before anything is written, metadata that its device cannot hold and writes outside their owner's room.
//
//	0            hdr_size       2*hdr_size                     data offset            far body   locator    size
//	+------------+--------------+----------------+-------------+----------------------+----------+---------+----+
//	| primary    | secondary    | keyslots area  | spare       | data                 | far      | far     |    |
//	|            |              | areas and free |             |                      |          |         |    |
//	+------------+--------------+----------------+-------------+----------------------+----------+---------+----+
//
// With a detached header there are no data on the device, and the spare room reaches to its end. All offsets
// and sizes are bytes.
package layout
