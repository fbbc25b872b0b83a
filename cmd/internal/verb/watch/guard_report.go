// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
)

// guardReport describes what guard --json prints.
func guardReport() cli.Report {
	return cli.Report{
		Of: guard.Status{},
		Fields: []cli.Field{
			{Path: "started", Type: "string", About: "when the guard was started, RFC 3339"},
			{Path: "pid", Type: "integer", About: "its process"},
			{Path: "source", Type: "string", About: "where events come from: udev or kernel"},
			{Path: "repair", Type: "string", About: "the policy where no section of guard.conf says otherwise"},
			{Path: "looks", Type: "integer", About: "looks at a device since the start"},
			{Path: "repairs", Type: "integer", About: "copies of a head written from the other"},
			{Path: "restores", Type: "integer", About: "heads put back that were destroyed under a mapping"},
			{Path: "transactions", Type: "integer", About: "far headers brought into step or moved, transactions " +
				"concluded"},
			{Path: "enlarged", Type: "integer", About: "mappings made longer"},
			{Path: "refusals", Type: "integer", About: "looks that found something to be done, and reasons against " +
				"it"},
			{Path: "rehearsed", Type: "integer", About: "steps that repair = proven would have taken"},
			{Path: "late", Type: "integer", About: "looks that a device did not answer in time"},
			{Path: "failures", Type: "integer", About: "steps that failed"},
			{Path: "removals", Type: "integer", About: "devices pulled out under a mapping"},
			{Path: "rescans", Type: "integer", About: "times that all devices were looked at again"},
			{Path: "events", Type: "integer", About: "events received"},
			{Path: "events_forged", Type: "integer", About: "events of senders that are not to be believed"},
			{Path: "events_malformed", Type: "integer", About: "events that could not be read"},
			{Path: "overruns", Type: "integer", About: "times that events were lost"},
			{Path: "volumes", Type: "list of object", About: "the volumes that are there"},
			{Path: "volumes[].device", Type: "string", About: "path of the device"},
			{Path: "volumes[].uuid", Type: "string", About: "UUID of the volume; may be absent"},
			{Path: "volumes[].version", Type: "integer", About: "1 or 2; 0 where nothing is left to tell"},
			{Path: "volumes[].label", Type: "string", About: "label (LUKS2); may be absent"},
			{Path: "volumes[].size", Type: "integer", About: "of the device, bytes"},
			{Path: "volumes[].verdict", Type: "string", About: "healthy, healable or lost"},
			{
				Path: "volumes[].copies", Type: "list of object",
				About: "the header copies (LUKS2), as check reports them; may be absent",
			},
			{Path: "volumes[].copies[].place", Type: "string", About: "primary or secondary"},
			{Path: "volumes[].copies[].offset", Type: "integer", About: "bytes"},
			{Path: "volumes[].copies[].size", Type: "integer", About: "bytes; may be absent"},
			{
				Path: "volumes[].copies[].state", Type: "string",
				About: "valid, stale, conflicting, damaged, unreadable or absent",
			},
			{Path: "volumes[].copies[].seqid", Type: "integer", About: "number of the last update"},
			{Path: "volumes[].copies[].why", Type: "string", About: "what is wrong; may be absent"},
			{Path: "volumes[].findings", Type: "list of string", About: "what was noticed"},
			{Path: "volumes[].mapping", Type: "string", About: "name of the active mapping; may be absent"},
			{Path: "volumes[].mapped_size", Type: "integer", About: "its size, bytes; may be absent"},
			{Path: "volumes[].key_held", Type: "boolean", About: "the mapping can be enlarged without a passphrase"},
			{Path: "volumes[].last_good", Type: "string", About: "when the volume was last seen in order, RFC " +
				"3339; empty for never"},
			{Path: "volumes[].checked", Type: "string", About: "when it was last looked at, RFC 3339"},
			{Path: "volumes[].did", Type: "string", About: "what was done last; may be absent"},
			{Path: "volumes[].undo", Type: "string", About: "file with what that overwrote; may be absent"},
			{Path: "volumes[].would", Type: "string", About: "what would help; may be absent"},
			{Path: "volumes[].because", Type: "list of string", About: "what is against it; may be absent"},
			{Path: "volumes[].repair", Type: "string", About: "the policy for the volume"},
			{
				Path: "volumes[].proof", Type: "list of object",
				About: "the conditions of what would help; may be absent",
			},
			{Path: "volumes[].proof[].name", Type: "string", About: "the condition"},
			{Path: "volumes[].proof[].holds", Type: "boolean", About: "it holds"},
			{Path: "volumes[].proof[].why", Type: "string", About: "what was found"},
			{Path: "volumes[].rehearsed", Type: "string", About: "what repair = proven would have done; may be " +
				"absent"},
		},
	}
}
