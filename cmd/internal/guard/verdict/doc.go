// SPDX-License-Identifier: Apache-2.0

// Package verdict decides what is to be done about one device, from what was seen of it and what is
// allowed. It looks at nothing itself: equal sights give equal decisions. A decision is a step and its
// proof, a list of conditions that each say why they hold or do not. The step is taken where all hold,
// and they are all looked at again, from a fresh reading, under the lock, before the first write.
//
// # What helps
//
// The first row that fits gives the step.
//
//	what is there                                                        step
//	-------------------------------------------------------------------  ----------
//	no valid head, the volume's own mapping is active on this device     Restore
//	the same, and the mapping's header lies on another device            none
//	no valid head, no mapping, a whole far header near the end           FromFar
//	the same, and another UUID was seen on the device last               none, lost
//	nothing of LUKS, no other signature, and a volume was seen here      none, lost
//	the same, and a signature of something else                          none, said once
//	a valid head, and the other copy stale, damaged or gone              Repair
//	a LUKS1 header with a field that can be mended                       Repair
//	heads in order, a keyslot's area differs from the far header's sum   Repair
//	heads in order, a transaction noted in them                          Resume
//	heads in order, the far header behind them or a forgotten copy       Sync
//	heads in order, the device larger than they record                   Grow
//	heads in order, the mapping shorter than it could be                 Enlarge
//	anything else                                                        none
//
// # What must be proven
//
//	condition        Repair  Restore  FromFar  Resume  Sync  Grow  Enlarge  holds where
//	---------------  ------  -------  -------  ------  ----  ----  -------  -----------------------------------------
//	seen before      x       x        x                                     it is remembered; Repair: or the remains agree
//	no conflict      x                                                      no equal number with different content
//	readable         x       x        x                                     no copy that is to be written is unreadable
//	same volume      x                         x       x     x     x        the volume key is the remembered one
//	fits             x                         x       x     x     x        every segment can be on the device
//	newest state     x       x        x        x       x     x     x        no newer was seen, or could not be kept;
//	                                                                        FromFar: it is the last seen; Repair,
//	                                                                        Restore, FromFar: nor on this very device,
//	                                                                        whatever was kept of that; Repair: nor
//	                                                                        in the far header, unless overruled
//	one history      x       x        x        x       x     x     x        no fork stands but a stranger elsewhere
//	keyslots whole   x                                                      of an area that comes back some is left
//	                         x        x                                     each area and the rest as last seen
//	                                           x       x     x              or, here, no area ruined or unreadable
//	no wipe                           x                                     the heads did not lose their magic alone
//	mapping fits             x                                              offset and cipher are the kept head's
//	far header                                 x       x     x              its ownership rules allow it
//	key                                                            x        in the table, or held for the guard
//	no other data    x       x        x        x       x     x              no signature but of LUKS, no wiped GPT,
//	                                                                        without a head no copy of one at the end
//	not in use       x       x        x        x       x     x              no dm, md, swap, mount, loop, O_EXCL but the own mapping
//	no reencryption  x       x        x        x       x     x              neither now nor when last seen, whole or not
//	writable         x       x        x        x       x     x              the device is not read-only
//	alone            x       x        x        x       x     x     x        no other device bears the UUID
//	no member        x       x        x        x       x     x     x        no array, multipath map or cache
//	stays            x       x        x        x       x     x     x        not removable, or allowed
//	not held         x       x        x        x       x     x     x        nobody took the last repair back
//	not often        x       x        x        x       x     x     x        fewer than four repairs in ten minutes
//	allowed          x       x        x        x       x     x     x        repair = proven or rehearse; grow = yes
//
// # What is remembered
//
// What lies on a device in order, with nobody else bearing its UUID, is held against the chain of what was
// seen before: see package identity. Only what continues the chain is remembered. What was revoked, and
// what is kept of it, is destroyed where a state of the same volume key with a greater number, on the
// device that the chain was last seen on, lacks a keyslot; never for a smaller number, another key, or
// another device.
//
// Beside that, the state that is valid on a device is remembered as such, before all else, whoever else bears its
// UUID and whatever is kept: see store.Store.Sighted. It makes nothing come back. It keeps what is older from coming
// back there. Where a person says of another device that what lies there counts, it counts on its own device alone.
package verdict
