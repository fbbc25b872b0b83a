// SPDX-License-Identifier: Apache-2.0

package verb

// AdviseBackup tells how to make a header backup of a device whose header has just become another one, and why.
func (c *Command) AdviseBackup(why, device string) {
	c.UI.Advisef("%s %s luksHeaderBackup --header-backup-file FILE %s", why, c.Program, device)
}
