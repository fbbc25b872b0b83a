// SPDX-License-Identifier: Apache-2.0

// Package keys plans what changes who can open a volume: keyslots that are added, changed and killed. Seal
// derives, before any lock is held; the planners take the metadata as they are under the lock, and give the
// changes. What takes more than one change is carried out in a session.
package keys
