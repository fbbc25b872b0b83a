// SPDX-License-Identifier: Apache-2.0

// Package identity tells one volume from another that bears its name. A UUID is a label: a clone has it,
// a backup that is plugged in has it, a disk that was formatted with --uuid has it, and so has a stick of
// somebody who wants it. What makes a volume is its volume key, of which the header holds a digest, and
// the way that its header went: sequence numbers that grow, each with the contents that were seen under
// it. Package identity is pure: it compares what was read with what is remembered.
//
//	what is on the device                              relation    what follows
//	-------------------------------------------------  ----------  -----------------------------------------
//	nothing is remembered                              Unknown     it is remembered
//	the number and the contents last seen              Same        a fork that was noted is over
//	the same volume key, a greater number              Newer       the chain grows; a keyslot that went was revoked
//	the same volume key, a smaller number              Older       a backup was restored, or it is a clone
//	the same volume key and number, other contents     Forked      one of two that were changed apart
//	the same volume key, and a fork stands             Forked      until a person has said which one counts
//	another volume key                                 Stranger    formatted anew, or somebody else's
//
// LUKS1 has no numbers. There contents that were seen before and are not the last are Older, and others
// are Newer.
package identity
