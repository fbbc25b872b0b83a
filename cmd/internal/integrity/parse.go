// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/popt"
	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
)

// call is one understood command line.
type call struct {
	options
	program string // as it was called
	action  string
	args    []string
	given   map[string]bool // options, by their long names
}

func actions() []popt.Action {
	return []popt.Action{
		{Name: actionFormat, Args: "<integrity_device>", Least: 1, Summary: "format device"},
		{Name: actionOpen, Args: "<integrity_device> <name>", Least: 2, Summary: "open device as <name>"},
		{Name: actionClose, Args: "<name>", Least: 1, Summary: "close device (remove mapping)"},
		{Name: actionStatus, Args: "<name>", Least: 1, Summary: "show active device status"},
		{Name: actionDump, Args: "<integrity_device>", Least: 1, Summary: "show on-disk information"},
		{Name: actionResize, Args: "<name>", Least: 1, Summary: "resize active device"},
		{Name: actionVerify, Args: "<integrity_device>", Least: 1, Summary: "verify every tag, without a mapping"},
	}
}

func grammar(o *options) *popt.Grammar { return &popt.Grammar{Options: table(o), Actions: actions()} }

// Grammar is what the manual tells: actions and options in the order of help, our own options at the end.
func Grammar() *popt.Grammar { return grammar(&options{}) }

// parse understands a command line, argv[0] being the program.
func parse(argv []string) (*call, error) {
	c := &call{program: argv[0]}
	c.hash, c.sectorSize = "crc32c", 512
	line, err := grammar(&c.options).Parse(argv[1:], c.informs)
	c.action, c.args, c.given = line.Action, line.Args, line.Given
	if err != nil || c.informs() {
		return c, err
	}
	return c, c.rules()
}

func (c *call) informs() bool { return c.help || c.usage || c.version }

// maxKey is the longest key, bytes.
const maxKey = 4096

// rules are what options exclude.
func (c *call) rules() error {
	if err := popt.Check(c.keyRules()); err != nil {
		return err
	}
	return popt.Check(c.modeRules())
}

func (c *call) keyRules() []popt.Rule {
	half := func(file, size string) bool { return c.given[file] != c.given[size] }
	const long = "Invalid integrity key size, it is 1 to 4096 bytes."
	wrong := func(size string, n uint64) bool { return c.given[size] && (n == 0 || n > maxKey) }
	return []popt.Rule{
		{
			Broken: half("integrity-key-file", "integrity-key-size"),
			Reason: "Both key file and key size options must be specified.",
		},
		{
			Broken: half("journal-integrity-key-file", "journal-integrity-key-size"),
			Reason: "Both journal integrity key file and key size options must be specified.",
		},
		{
			Broken: c.macFile != "" && c.mac == "",
			Reason: "Journal integrity algorithm must be specified if journal integrity key is used.",
		},
		{
			Broken: half("journal-crypt-key-file", "journal-crypt-key-size"),
			Reason: "Both journal encryption key file and key size options must be specified.",
		},
		{
			Broken: c.cryptFile != "" && c.crypt == "",
			Reason: "Journal encryption algorithm must be specified if journal encryption key is used.",
		},
		{Broken: wrong("integrity-key-size", c.keySize), Reason: long},
		{Broken: wrong("journal-integrity-key-size", c.macSize), Reason: long},
		{Broken: wrong("journal-crypt-key-size", c.cryptSize), Reason: long},
	}
}

func (c *call) modeRules() []popt.Rule {
	sized := c.given["journal-size"] || c.given["journal-watermark"] || c.given["journal-commit-time"]
	journal := sized || c.mac != "" || c.crypt != ""
	bitmap := c.given["bitmap-sectors-per-bit"] || c.given["bitmap-flush-time"]
	return []popt.Rule{
		{Broken: c.recovery && c.bitmap, Reason: "Recovery and bitmap mode options are mutually exclusive."},
		{
			Broken: c.bitmap && sized,
			Reason: "Journal options cannot be used in bitmap mode.",
		},
		{Broken: bitmap && !c.bitmap, Reason: "Bitmap options can be used only in bitmap mode."},
		{
			Broken: c.inline && (journal || bitmap || c.bitmap || c.dataDevice != ""),
			Reason: "Inline mode cannot be combined with journal, bitmap or data device options.",
		},
		{Broken: c.watermark > 100, Reason: "Invalid journal watermark, it is a percentage."},
		{Broken: c.given["size"] && c.given["device-size"], Reason: "Options --device-size and --size cannot be " +
			"combined."},
		{
			Broken: c.deferred && c.cancel,
			Reason: "Options --cancel-deferred and --deferred cannot be used at the same time.",
		},
	}
}

// speaks is how the program speaks of itself.
func (c *call) speaks(version string) *setup.Program {
	return &setup.Program{
		Compat: "integritysetup", Called: c.program, Version: version, Grammar: grammar(&options{}), Letters: "?VqBDRv",
		Notes: "\n<name> is the device to create under /dev/mapper\n" +
			"<integrity_device> is the device containing data with integrity tags\n" +
			"\nDefault compiled-in dm-integrity parameters:\n" +
			"\tChecksum algorithm: crc32c\n\tMaximum keyfile size: 4kB\n",
	}
}
