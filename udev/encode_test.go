// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"encoding/binary"
	"strings"
)

// pairs joins properties as both framings have them.
func pairs(properties ...string) []byte {
	return []byte(strings.Join(properties, "\x00") + "\x00")
}

func kernelMessage(header string, properties ...string) []byte {
	return append([]byte(header+"\x00"), pairs(properties...)...)
}

// udevMessage frames properties as udevd does.
func udevMessage(properties ...string) []byte {
	body := pairs(properties...)
	b := make([]byte, udevHeaderSize, udevHeaderSize+len(body))
	copy(b, udevPrefix)
	binary.BigEndian.PutUint32(b[offMagic:], udevMagic)
	binary.NativeEndian.PutUint32(b[offHeaderSize:], udevHeaderSize)
	binary.NativeEndian.PutUint32(b[offPropertiesOff:], udevHeaderSize)
	binary.NativeEndian.PutUint32(b[offPropertiesLen:], uint32(len(body)))
	putHash(b[offSubsystemHash:], last(body, "SUBSYSTEM"))
	putHash(b[offDevTypeHash:], last(body, "DEVTYPE"))
	var filter uint64
	for tag := range strings.SplitSeq(string(last(body, "TAGS")), ":") {
		if tag != "" {
			filter |= bloom(tag)
		}
	}
	binary.BigEndian.PutUint64(b[offTagBloomHigh:], filter)
	return append(b, body...)
}

func putHash(b, value []byte) {
	if len(value) > 0 {
		binary.BigEndian.PutUint32(b, murmur2(string(value)))
	}
}

// diskProperties are those of a disk as udevd sends them.
func diskProperties(more ...string) []string {
	return append([]string{
		"ACTION=change", "DEVPATH=/devices/virtual/block/loop0", "SUBSYSTEM=block", "DEVNAME=/dev/loop0", "DEVTYPE=disk",
		"MAJOR=7", "MINOR=0", "DISKSEQ=11", "SEQNUM=4711",
	}, more...)
}
