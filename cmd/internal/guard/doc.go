// SPDX-License-Identifier: Apache-2.0

// Package guard watches over the headers of LUKS volumes on a running system. Events, of udev, of the
// kernel or of inotify, say no more than that a device is to be looked at; everything else is read
// again from sysfs and from the device. A look gathers what there is (see.go), package verdict decides
// what to do about it, and act.go does it under the metadata lock, after everything was read and
// decided once more.
//
// Nothing is written to a device that is in order, nor at all unless the configuration allows it and
// proof is at hand. What is overwritten is kept before.
package guard
