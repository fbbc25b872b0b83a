// SPDX-License-Identifier: Apache-2.0

// Package text renders reports in the form that programs scrape: luksDump, its JSON, status. It takes
// values and returns text; what it prints equals what cryptsetup 2.8 prints, byte for byte, trailing
// blanks included.
package text
