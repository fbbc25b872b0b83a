// SPDX-License-Identifier: Apache-2.0

package cli

// Checks of one option by itself. Each returns the reason to refuse, or "".

const sector = 512

func deviceSizeInSectors(o *Options) string {
	if o.DeviceSize.V%sector != 0 {
		return "Device size must be multiple of 512 bytes sector."
	}
	return ""
}

func reduceSizeInBounds(o *Options) string {
	switch size := o.ReduceDeviceSize.V; {
	case size > 1<<30:
		return "Maximum device reduce size is 1 GiB."
	case size%sector != 0:
		return "Reduce size must be multiple of 512 bytes sector."
	}
	return ""
}

func wholeBytes(bits uint32) string {
	if bits%8 != 0 {
		return "Key size must be a multiple of 8 bits"
	}
	return ""
}

func integrityKeySizeInBytes(o *Options) string { return wholeBytes(o.IntegrityKeySize.V) }

func keyslotKeySizeInBytes(o *Options) string { return wholeBytes(o.KeyslotKeySize.V) }

func keySizesInBytes(o *Options) string {
	if len(o.KeySizes) > 2 {
		return "At most 2 key size specifications can be supplied."
	}
	return wholeBytes(o.KeySizes[len(o.KeySizes)-1])
}

func keySlotNotNegative(o *Options) string {
	if o.KeySlot.V < 0 {
		return "Key slot is invalid."
	}
	return ""
}

func atMostTwoLinks(o *Options) string {
	if len(o.LinkVKToKeyring) > 2 {
		return "At most 2 keyring link specifications can be supplied."
	}
	return ""
}

func atMostTwoVolumeKeys(o *Options) string {
	if len(o.VolumeKeyFiles)+len(o.VolumeKeyKeyrings) > 2 {
		return "At most 2 volume key specifications can be supplied."
	}
	return ""
}

func knownPriority(o *Options) string {
	switch o.Priority.V {
	case "ignore", "normal", "prefer":
		return ""
	}
	return "Option --priority can be only ignore/normal/prefer."
}

func knownSectorSize(o *Options) string {
	switch o.SectorSize.V {
	case 512, 1024, 2048, 4096:
		return ""
	}
	return "Unsupported encryption sector size."
}

func tokenIDNotNegative(o *Options) string {
	if o.TokenID.V < 0 || o.NewTokenID.V < 0 {
		return badNumber
	}
	return ""
}

func newKeySlotNotNegative(o *Options) string {
	if o.NewKeySlot.V < 0 {
		return badNumber
	}
	return ""
}

func someTries(o *Options) string {
	if o.Tries.V == 0 {
		return "Invalid maximal tries specification."
	}
	return ""
}

func knownCopy(o *Options) string {
	switch o.Choose.V {
	case "primary", "secondary", "far":
	default:
		return "Option --choose takes primary, secondary or, with --from-far, far."
	}
	return ""
}

func countedFind(o *Options) string {
	if o.Find.V == 0 {
		return "Finds are counted from 1."
	}
	return ""
}

func knownEnding(o *Options) string {
	switch o.OnFailure.V {
	case "exit", "retry", "reboot", "halt":
		return ""
	}
	return "Option --on-failure takes exit, retry, reboot or halt."
}

func knownList(o *Options) string {
	switch o.List.V {
	case "crypttab", "modules", "files":
		return ""
	}
	return "Option --list takes crypttab, modules or files."
}
