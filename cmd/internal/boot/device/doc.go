// SPDX-License-Identifier: Apache-2.0

// Package device finds block devices by the names that crypttabs use, and waits for those that are
// not there yet: by the kernel's events, in a machine with udevd or without. What an event says is a
// hint; what a device is called follows from sysfs, its partition table and its contents.
package device
