// SPDX-License-Identifier: Apache-2.0

// Package verity is the command line of verified images: what the program does under the name veritysetup, and
// as the verb verity. Actions, options, messages and exit codes are veritysetup's, but for these:
//
//   - verify succeeds only where every byte gives the root hash. Data that FEC could repair are corrupt all the
//     same (exit status 2), and it says whether the repaired data would be good.
//   - A root hash file that cannot be read is a failure.
//   - A last part of the data that is no whole block, and so is not protected, is named.
//   - The checks come before the first write, and a refused format leaves no file behind.
//
// verify takes --repair FILE, --repair-hash FILE and --where besides, and every report --json.
package verity
