// SPDX-License-Identifier: Apache-2.0

package cli

func shrinkSize(inv *Invocation) string {
	o := &inv.Options
	return refuse(o.DeviceSize.Set == o.Cancel, "Shrink needs either --device-size, which the device is to have then, or --cancel.")
}

func headerAction(inv *Invocation) string {
	switch {
	case inv.Args[0] != "resize":
		return "Invalid header action: resize."
	case !inv.Options.LUKS2MetadataSize.Set:
		return "Option --luks2-metadata-size is mandatory for header resize."
	}
	return ""
}
