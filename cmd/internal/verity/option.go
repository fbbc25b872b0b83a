// SPDX-License-Identifier: Apache-2.0

package verity

// options are what a command line sets.
type options struct {
	cancelDeferred, deferred                                 bool
	checkAtMostOnce, ignoreZeroBlocks, useTasklets           bool
	ignoreCorruption, restartOnCorruption, panicOnCorruption bool
	errorAsCorruption, shared                                bool
	noSuperblock                                             bool

	dataBlockSize, hashBlockSize, dataBlocks, format uint64
	hashOffset, fecOffset, fecRoots                  uint64
	fecDevice, hash, salt, uuid                      string
	rootHashFile, rootHashSignature                  string

	verbose, debug, help, usage, version bool

	json, where, checkFEC         bool
	partitionUUIDs                bool
	repair, repairHash            string
	batchFile, resume             string
	oldData, oldHash, oldRootHash string
	given                         map[string]bool // long names
}

// option is one entry of the table.
type option struct {
	long  string
	short byte
	arg   string // what help calls the argument; empty for a switch
	help  string
	own   bool     // not one of veritysetup's
	only  []action // actions that take it; none: all
	into  func(o *options) any
}

// action is the first word of a command line.
type action string

const (
	actionFormat action = "format"
	actionVerify action = "verify"
	actionOpen   action = "open"
	actionClose  action = "close"
	actionStatus action = "status"
	actionDump   action = "dump"
)

// takes tells whether the option may stand with an action.
func (o *option) takes(a action) bool {
	if len(o.only) == 0 {
		return true
	}
	for _, allowed := range o.only {
		if allowed == a {
			return true
		}
	}
	return false
}

var (
	onlyOpen  = []action{actionOpen}
	onlyClose = []action{actionClose}
	onlyCheck = []action{actionVerify}
	onlyMake  = []action{actionFormat}
	ofImages  = []action{actionFormat, actionVerify}
)

// table lists the options in the order of help.
func table() []option {
	return []option{
		{long: "help", short: '?', help: "Show this help message", into: func(o *options) any { return &o.help }},
		{long: "usage", help: "Display brief usage", into: func(o *options) any { return &o.usage }},
		{long: "version", short: 'V', help: "Print package version", into: func(o *options) any { return &o.version }},
		{
			long: "cancel-deferred", help: "Take back a removal that waits for the last user", only: onlyClose,
			into: func(o *options) any { return &o.cancelDeferred },
		},
		{
			long: "check-at-most-once", help: "Verify a data block the first time it is read only",
			into: func(o *options) any { return &o.checkAtMostOnce },
		},
		{
			long: "data-block-size", arg: "bytes", help: "Block size of the data device",
			into: func(o *options) any { return &o.dataBlockSize },
		},
		{
			long: "data-blocks", arg: "blocks", help: "Number of data blocks (the whole device)",
			into: func(o *options) any { return &o.dataBlocks },
		},
		{long: "debug", help: "Show debug messages", into: func(o *options) any { return &o.debug }},
		{
			long: "deferred", help: "Remove the mapping once nothing uses it", only: onlyClose,
			into: func(o *options) any { return &o.deferred },
		},
		{
			long: "error-as-corruption", help: "Handle a read error as corruption is handled", only: onlyOpen,
			into: func(o *options) any { return &o.errorAsCorruption },
		},
		{
			long: "fec-device", arg: "path", help: "Device or file with error correction data",
			into: func(o *options) any { return &o.fecDevice },
		},
		{
			long: "fec-offset", arg: "bytes", help: "Where error correction data start on that device",
			into: func(o *options) any { return &o.fecOffset },
		},
		{
			long: "fec-roots", arg: "bytes", help: "Parity bytes in a codeword, 2 to 24",
			into: func(o *options) any { return &o.fecRoots },
		},
		{
			long: "format", arg: "number", help: "Format type (1 - normal, 0 - original Chrome OS)",
			into: func(o *options) any { return &o.format },
		},
		{
			long: "hash", short: 'h', arg: "string", help: "Hash algorithm",
			into: func(o *options) any { return &o.hash },
		},
		{
			long: "hash-block-size", arg: "bytes", help: "Block size of the hash device",
			into: func(o *options) any { return &o.hashBlockSize },
		},
		{
			long: "hash-offset", arg: "bytes", help: "Where superblock or tree start on the hash device",
			into: func(o *options) any { return &o.hashOffset },
		},
		{
			long: "ignore-corruption", help: "Ignore corruption, log it only", only: onlyOpen,
			into: func(o *options) any { return &o.ignoreCorruption },
		},
		{
			long: "ignore-zero-blocks", help: "Do not verify blocks of zeros", only: onlyOpen,
			into: func(o *options) any { return &o.ignoreZeroBlocks },
		},
		{long: "no-superblock", help: "There is no superblock", into: func(o *options) any { return &o.noSuperblock }},
		{
			long: "panic-on-corruption", help: "Panic where corruption is found", only: onlyOpen,
			into: func(o *options) any { return &o.panicOnCorruption },
		},
		{
			long: "restart-on-corruption", help: "Restart where corruption is found", only: onlyOpen,
			into: func(o *options) any { return &o.restartOnCorruption },
		},
		{
			long: "root-hash-file", arg: "STRING", help: "File with the root hash",
			only: []action{
				actionFormat, actionOpen,
				actionVerify,
			}, into: func(o *options) any { return &o.rootHashFile },
		},
		{
			long: "root-hash-signature", arg: "STRING", help: "File with a signature of the root hash", only: onlyOpen,
			into: func(o *options) any { return &o.rootHashSignature },
		},
		{
			long: "salt", short: 's', arg: "hex string", help: "Salt, or - for none",
			into: func(o *options) any { return &o.salt },
		},
		{
			long: "shared", help: "Let other mappings use the data device too", only: onlyOpen,
			into: func(o *options) any { return &o.shared },
		},
		{
			long: "use-tasklets", help: "Verify in the kernel's tasklets", only: onlyOpen,
			into: func(o *options) any { return &o.useTasklets },
		},
		{long: "uuid", arg: "STRING", help: "UUID of the image", into: func(o *options) any { return &o.uuid }},
		{
			long: "verbose", short: 'v', help: "Shows more detailed error messages",
			into: func(o *options) any { return &o.verbose },
		},
		{
			long: "batch", own: true, arg: "FILE",
			help: "Do it for each image of a list; a line has data and hash device, root hash file, FEC device",
			only: ofImages, into: func(o *options) any { return &o.batchFile },
		},
		{
			long: "check-fec", own: true, help: "Compare good data with the error correction data as well",
			only: onlyCheck,
			into: func(o *options) any { return &o.checkFEC },
		},
		{long: "json", own: true, help: "Report as JSON", into: func(o *options) any { return &o.json }},
		{
			long: "old-data", own: true, arg: "path", only: onlyMake,
			help: "Data of a former version: blocks that have not changed are not hashed again",
			into: func(o *options) any { return &o.oldData },
		},
		{
			long: "old-hash", own: true, arg: "path", only: onlyMake,
			help: "Hash device of the former version, with its superblock at the same --hash-offset",
			into: func(o *options) any { return &o.oldHash },
		},
		{
			long: "old-root-hash", own: true, arg: "hex string", only: onlyMake,
			help: "Root hash of the former version, which its tree has to give",
			into: func(o *options) any { return &o.oldRootHash },
		},
		{
			long: "partition-uuids", own: true, only: ofImages,
			help: "Print the UUIDs of partitions by which the image is found from its root hash",
			into: func(o *options) any { return &o.partitionUUIDs },
		},
		{
			long: "repair", own: true, arg: "FILE", help: "Write the repaired data to a new file", only: onlyCheck,
			into: func(o *options) any { return &o.repair },
		},
		{
			long: "repair-hash", own: true, arg: "FILE", help: "Write the repaired hash device to a new file",
			only: onlyCheck,
			into: func(o *options) any { return &o.repairHash },
		},
		{
			long: "resume", own: true, arg: "FILE", only: onlyMake,
			help: "Keep in this file how far the work is, and go on from there where it exists",
			into: func(o *options) any { return &o.resume },
		},
		{
			long: "where", own: true, only: onlyCheck,
			help: "Name every bad block, and the files of an ext4, erofs or squashfs that lie on them",
			into: func(o *options) any { return &o.where },
		},
	}
}
