// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/popt"
)

// options are what a command line sets.
type options struct {
	_                                  [0]func() // it is never compared, and no code is made for that
	hash                               string
	tagSize, sectorSize                uint64 // bytes
	journalSize                        uint64 // bytes
	interleave, buffer                 uint64 // sectors
	watermark, commitTime              uint64 // percent, milliseconds
	bitmap                             bool
	sectorsPerBit, flushTime           uint64 // sectors, milliseconds
	noJournal, recovery                bool
	keyFile, macFile, cryptFile        string
	keySize, macSize, cryptSize        uint64 // bytes
	mac, crypt                         string
	dataDevice                         string
	inline                             bool
	recalculate, recalculateReset      bool
	legacyRecalculate, discards        bool
	legacyPadding, legacyHMAC          bool
	noWipe, disableBlkid, wipe         bool
	size, deviceSize                   uint64 // sectors, bytes
	progressFrequency                  uint64 // seconds
	progressJSON, deferred, cancel     bool
	verbose, debug, batch              bool
	help, usage, version, json, report bool
}

// The actions.
const (
	actionFormat = "format"
	actionVerify = "verify"
	actionOpen   = "open"
	actionClose  = "close"
	actionStatus = "status"
	actionDump   = "dump"
	actionResize = "resize"
)

var (
	onlyFormat = []string{actionFormat}
	onlyOpen   = []string{actionOpen}
	onlyClose  = []string{actionClose}
	onlyResize = []string{actionResize}
	onlyCheck  = []string{actionVerify}
	longWork   = []string{actionFormat, actionResize, actionVerify}
)

// size reads a size with a suffix.
func size(into *uint64) func(string) error {
	return func(value string) error {
		n, ok := cli.ParseSize(value)
		if !ok || n>>62 != 0 {
			return &popt.UsageError{Reason: "Invalid size specification."}
		}
		*into = n
		return nil
	}
}

// table lists the options in the order of help.
func table(o *options) []popt.Option {
	return append(append(general(o), layoutOptions(o)...), ownOptions(o)...)
}

func general(o *options) []popt.Option {
	return []popt.Option{
		{Long: "help", Short: '?', Help: "Show this help message", Into: &o.help},
		{Long: "usage", Help: "Display brief usage", Into: &o.usage},
		{Long: "version", Short: 'V', Help: "Print package version", Into: &o.version},
		{
			Long: "allow-discards", Help: "Pass discards to the device, and take discarded blocks for good",
			Only: []string{actionOpen, actionVerify}, Into: &o.discards,
		},
		{Long: "batch-mode", Short: 'q', Help: "Do not ask for confirmation", Into: &o.batch},
		{
			Long: "bitmap-flush-time", Arg: "ms", Help: "How often the bitmap is written", Into: &o.flushTime,
		},
		{
			Long: "bitmap-sectors-per-bit", Arg: "sectors", Help: "512-byte sectors per bit of the bitmap",
			Into: &o.sectorsPerBit,
		},
		{Long: "buffer-sectors", Arg: "sectors", Help: "512-byte sectors of a buffer of tags", Into: &o.buffer},
		{
			Long: "cancel-deferred", Help: "Take back a removal that waits for the last user", Only: onlyClose,
			Into: &o.cancel,
		},
		{Long: "data-device", Arg: "path", Help: "Device of the data, apart from journal and " +
			"tags", Into: &o.dataDevice},
		{Long: "debug", Help: "Show debug messages", Into: &o.debug},
		{
			Long: "deferred", Help: "Remove the mapping once nothing uses it", Only: onlyClose, Into: &o.deferred,
		},
		{
			Long: "device-size", Arg: "bytes", Help: "Use only so much of the device", Only: onlyResize,
			Into: size(&o.deviceSize),
		},
		{
			Long: "disable-blkid", Help: "Neither name nor wipe what is on the device", Only: onlyFormat,
			Into: &o.disableBlkid,
		},
		{Long: "integrity", Short: 'I', Arg: "hash", Help: "Algorithm of the tags (crc32c)", Into: &o.hash},
		{
			Long: "integrity-bitmap-mode", Short: 'B', Help: "Keep a bitmap of what is being written, no journal",
			Into: &o.bitmap,
		},
		{
			Long: "integrity-inline", Help: "Tags lie in the device's own metadata", Only: onlyFormat, Into: &o.inline,
		},
		{Long: "integrity-key-file", Arg: "path", Help: "Key of a keyed algorithm", Into: &o.keyFile},
		{Long: "integrity-key-size", Arg: "bytes", Help: "Length of that key", Into: &o.keySize},
		{Long: "integrity-legacy-hmac", Help: "HMAC without salt, for kernels before 5.11", Into: &o.legacyHMAC},
		{
			Long: "integrity-legacy-padding", Help: "Wide padding of tags, for kernels before 5.5",
			Into: &o.legacyPadding,
		},
		{
			Long: "integrity-legacy-recalculate", Help: "Recalculate although HMAC tags would be made anew",
			Only: onlyOpen, Into: &o.legacyRecalculate,
		},
		{Long: "integrity-no-journal", Short: 'D', Help: "Write directly: a crash tears data from " +
			"tags", Into: &o.noJournal},
		{
			Long: "integrity-recalculate", Help: "Have the kernel compute tags that are not there yet", Only: onlyOpen,
			Into: &o.recalculate,
		},
		{
			Long: "integrity-recalculate-reset", Help: "Have the kernel compute all tags anew", Only: onlyOpen,
			Into: &o.recalculateReset,
		},
		{
			Long: "integrity-recovery-mode", Short: 'R', Help: "Read-only, neither tags nor journal are looked at",
			Into: &o.recovery,
		},
	}
}

func layoutOptions(o *options) []popt.Option {
	return []popt.Option{
		{
			Long: "interleave-sectors", Arg: "sectors", Help: "512-byte sectors of data between runs of tags",
			Only: onlyFormat, Into: &o.interleave,
		},
		{Long: "journal-commit-time", Arg: "ms", Help: "How often the journal is committed", Into: &o.commitTime},
		{Long: "journal-crypt", Arg: "cipher", Help: "Encryption of the journal", Into: &o.crypt},
		{Long: "journal-crypt-key-file", Arg: "path", Help: "Key of that encryption", Into: &o.cryptFile},
		{Long: "journal-crypt-key-size", Arg: "bytes", Help: "Length of that key", Into: &o.cryptSize},
		{Long: "journal-integrity", Arg: "hash", Help: "MAC of the journal", Into: &o.mac},
		{Long: "journal-integrity-key-file", Arg: "path", Help: "Key of that MAC", Into: &o.macFile},
		{Long: "journal-integrity-key-size", Arg: "bytes", Help: "Length of that key", Into: &o.macSize},
		{
			Long: "journal-size", Short: 'j', Arg: "bytes", Help: "Room of the journal", Only: onlyFormat,
			Into: size(&o.journalSize),
		},
		{Long: "journal-watermark", Arg: "percent", Help: "How full the journal gets", Into: &o.watermark},
		{Long: "no-wipe", Help: "Write neither tags nor zeros", Only: onlyFormat, Into: &o.noWipe},
		{
			Long: "progress-frequency", Arg: "secs", Help: "A line of progress every so many seconds", Only: longWork,
			Into: &o.progressFrequency,
		},
		{Long: "progress-json", Help: "Progress as JSON lines", Only: longWork, Into: &o.progressJSON},
		{
			Long: "sector-size", Short: 's', Arg: "bytes", Help: "Block that has a tag: 512, 1024, 2048 or 4096",
			Only: onlyFormat, Into: &o.sectorSize,
		},
		{
			Long: "size", Short: 'b', Arg: "SECTORS", Help: "Use only so many 512-byte sectors of the device",
			Only: onlyResize, Into: &o.size,
		},
		{Long: "tag-size", Short: 't', Arg: "bytes", Help: "Length of a tag", Only: onlyFormat, Into: &o.tagSize},
		{Long: "verbose", Short: 'v', Help: "Shows more detailed error messages", Into: &o.verbose},
		{Long: "wipe", Help: "Write zeros to what is added", Only: onlyResize, Into: &o.wipe},
	}
}

func ownOptions(o *options) []popt.Option {
	return []popt.Option{
		{Long: "json", Own: true, Help: "Report as JSON", Into: &o.json},
		{Long: "where", Own: true, Help: "Name every bad run of sectors", Only: onlyCheck, Into: &o.report},
	}
}
