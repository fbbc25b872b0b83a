// SPDX-License-Identifier: Apache-2.0

package main

// licences are those of the modules that are linked, by SPDX's names. NOTICE has their texts, and a test compares both
// with what is linked.
var licences = map[string]string{
	"github.com/jzelinskie/whirlpool": "BSD-3-Clause",
	"golang.org/x/crypto":             "BSD-3-Clause",
	"golang.org/x/sys":                "BSD-3-Clause",
	standardLibrary:                   "BSD-3-Clause",
}

// standardLibrary is what Go itself brings.
const standardLibrary = "std"
