// SPDX-License-Identifier: Apache-2.0

package cli

func repairFar(inv *Invocation) string {
	o := &inv.Options
	if o.FromFar != (o.Choose.V == "far") && o.Choose.Set {
		return "Options --from-far and --choose go together with the copy far only."
	}
	return refuse(o.FromFar && o.Header.Set, "Option --from-far cannot be combined with --header.")
}

func openFar(inv *Invocation) string {
	o := &inv.Options
	return refuse(o.HeaderFromFar && (o.Header.Set || o.Persistent || o.Refresh), "Option --header-from-far cannot be combined with --header, --persistent or --refresh.")
}

func formatFar(inv *Invocation) string {
	return refuse(inv.Options.FarHeader && inv.Options.NoFarHeader, "Options --far-header and --no-far-header cannot be combined.")
}

func farAction(inv *Invocation) string {
	o := &inv.Options
	switch sub := inv.Args[0]; {
	case sub != "enable" && sub != "disable" && sub != "sync" && sub != "status":
		return "Invalid far action: enable, disable, sync or status."
	case o.ShrinkData && sub != "enable":
		return "Option --shrink-data is for far enable."
	case o.Search && sub != "sync" && sub != "status":
		return "Option --search is for far sync and far status."
	}
	return ""
}
