// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"math"

	"github.com/orthrus-luks/orthrus/cmd/internal/popt"
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
		{Name: actionFormat, Args: "<data_device> <hash_device>", Least: 2, Summary: "format device"},
		{Name: actionVerify, Args: "<data_device> <hash_device> [<root_hash>]", Least: 2, Summary: "verify device"},
		{
			Name: actionOpen, Args: "<data_device> <name> <hash_device> [<root_hash>]", Least: 3,
			Summary: "open device as <name>",
		},
		{Name: actionClose, Args: "<name>", Least: 1, Summary: "close device (remove mapping)"},
		{Name: actionStatus, Args: "<name>", Least: 1, Summary: "show active device status"},
		{Name: actionDump, Args: "<hash_device>", Least: 1, Summary: "show on-disk information"},
	}
}

func grammar(o *options) *popt.Grammar {
	return &popt.Grammar{Options: table(o), Actions: actions(), Instead: "batch"}
}

// parse understands a command line, argv[0] being the program.
func parse(argv []string) (*call, error) {
	c := &call{program: argv[0]}
	c.dataBlockSize, c.hashBlockSize, c.format, c.fecRoots, c.hash = 4096, 4096, 1, 2, "sha256"
	line, err := grammar(&c.options).Parse(argv[1:], c.informs)
	c.action, c.args, c.given = line.Action, line.Args, line.Given
	if err != nil || c.informs() {
		return c, err
	}
	return c, c.rules()
}

func (c *call) informs() bool { return c.help || c.usage || c.version }

// mostOffset leaves room behind an offset for what any image has, bytes.
const mostOffset = 1 << 61

// rules are what options exclude.
func (c *call) rules() error {
	nameless := c.nameless()
	return popt.Check([]popt.Rule{
		{Broken: nameless != "", Reason: "Option --" + nameless + " needs the name of a file."},
		{
			Broken: c.ignoreCorruption && c.restartOnCorruption,
			Reason: "Option --ignore-corruption and --restart-on-corruption cannot be used together.",
		},
		{Broken: c.panicOnCorruption && (c.ignoreCorruption || c.restartOnCorruption), Reason: panicRule(c)},
		{
			Broken: c.errorAsCorruption && !c.panicOnCorruption && !c.restartOnCorruption,
			Reason: "Option --error-as-corruption must be used with --panic-on-corruption or --restart-on-corruption.",
		},
		{
			Broken: c.dataBlockSize > 0 && c.dataBlocks > math.MaxInt64/uint64(c.dataBlockSize),
			Reason: "Device offset overflow.",
		},
		{Broken: c.hashOffset > mostOffset, Reason: "Unsupported VERITY hash offset."},
		{Broken: c.fecOffset > mostOffset, Reason: "Unsupported VERITY FEC offset."},
		{
			Broken: c.given["batch"] && len(c.args) > 0,
			Reason: "Option --batch takes the devices from its list, not from the command line.",
		},
		{
			Broken: (c.oldData == "") != (c.oldHash == "") || (c.oldHash == "") != (c.oldRootHash == ""),
			Reason: "Options --old-data, --old-hash and --old-root-hash are used together.",
		},
		{
			Broken: c.deferred && c.cancelDeferred,
			Reason: "Options --cancel-deferred and --deferred cannot be used at the same time.",
		},
	})
}

// nameless is an option that was given an empty name, as by a variable that is not set; empty: none.
func (c *call) nameless() string {
	for option, value := range map[string]string{
		"fec-device": c.fecDevice, "root-hash-file": c.rootHashFile, "repair": c.repair, "repair-hash": c.repairHash,
		"resume": c.resume, "batch": c.batchFile, "old-data": c.oldData, "old-hash": c.oldHash,
	} {
		if value == "" && c.given[option] {
			return option
		}
	}
	return ""
}

func panicRule(c *call) string {
	other := "--restart-on-corruption"
	if c.ignoreCorruption {
		other = "--ignore-corruption"
	}
	return "Option --panic-on-corruption and " + other + " cannot be used together."
}
