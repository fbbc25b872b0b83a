// SPDX-License-Identifier: Apache-2.0

package early

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/boot"
	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

// bootReport describes what boot --json prints.
func bootReport() cli.Report {
	return cli.Report{
		Of: boot.Result{},
		Fields: []cli.Field{
			{Path: "volumes", Type: "list of object", About: "in the order of the plan; with --dry-run the plan " +
				"itself is printed, which has other fields"},
			{Path: "volumes[].name", Type: "string", About: "of the mapping"},
			{Path: "volumes[].state", Type: "string", About: "opened, absent (its device stayed away) or failed"},
			{Path: "volumes[].device", Type: "string", About: "node of the data device; may be absent"},
			{Path: "volumes[].node", Type: "string", About: "node of the mapping; may be absent"},
			{Path: "volumes[].root", Type: "boolean", About: "the root file system is named on it; may be absent"},
			{Path: "volumes[].required", Type: "boolean", About: "the boot does not go on without it"},
			{Path: "volumes[].by", Type: "string", About: "what the key came from; may be absent"},
			{Path: "volumes[].grown", Type: "boolean", About: "it has followed its device, which had grown; may be " +
				"absent"},
			{Path: "volumes[].reason", Type: "string", About: "why it is not open; may be absent"},
			{Path: "volumes[].waited_ns", Type: "integer", About: "nanoseconds until its devices were there"},
			{Path: "volumes[].derived_ns", Type: "integer", About: "nanoseconds in key derivation"},
			{Path: "verified", Type: "list of object", About: "images that dm-verity was to map; may be absent"},
			{Path: "verified[].name", Type: "string", About: "of the mapping"},
			{Path: "verified[].state", Type: "string", About: "opened or failed"},
			{Path: "verified[].node", Type: "string", About: "node of the mapping; may be absent"},
			{Path: "verified[].required", Type: "boolean", About: "the boot does not go on without it"},
			{Path: "verified[].reason", Type: "string", About: "why it is not mapped; may be absent"},
			{Path: "degraded", Type: "boolean", About: "the boot goes on without a volume that was required; may " +
				"be absent"},
			{Path: "took_ns", Type: "integer", About: "nanoseconds in all"},
		},
	}
}
