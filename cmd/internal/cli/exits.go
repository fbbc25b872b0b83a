// SPDX-License-Identifier: Apache-2.0

package cli

// ExitCode is what an exit code means in every verb that does not say otherwise.
type ExitCode struct {
	Exit
	brief string
}

// ExitCodes are those that all verbs share.
func ExitCodes() []ExitCode {
	return []ExitCode{
		{Exit{0, "The action was carried out, or the answer is yes."}, "done"},
		{Exit{1, "Wrong parameters, and whatever has no code of its own."}, "failed"},
		{Exit{2, "A wrong passphrase, no permission, or a question answered with no."}, "wrong passphrase or denied"},
		{Exit{3, "Not enough memory to derive a key."}, "not enough memory"},
		{Exit{4, "No such device, or one that cannot be used so."}, "no such device"},
		{Exit{5, "The name exists already, or the device is in use."}, "in use"},
		{Exit{130, "Interrupted by Ctrl-C (1 under the name cryptsetup)."}, "interrupted"},
		{Exit{143, "Ended by SIGTERM (1 under the name cryptsetup)."}, "terminated"},
	}
}
