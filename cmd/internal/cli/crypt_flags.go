// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/target"
)

// cryptFlag is a variable of an option: one flag in a set.
type cryptFlag struct {
	in   *target.CryptFlags
	flag target.CryptFlags
}

func (f cryptFlag) given() bool { return *f.in&f.flag != 0 }

func (f cryptFlag) set() { *f.in |= f.flag }

// flagOptions are the options that dm-crypt's flags have.
func flagOptions(into *target.CryptFlags) (options []Option) {
	for _, f := range target.AllCryptFlags() {
		options = append(options, Option{
			Long: f.Option, All: ofPerformance(f.Option), Into: cryptFlag{into, f.Flag}, Help: f.Purpose,
		})
	}
	return options
}

// CryptFlags are the names of the options of dm-crypt's flags, for Verb.Takes.
func CryptFlags() string { return strings.Join(flagNames(), " ") + " " }

// performanceFlags are those that cryptsetup lets every action take, in the order of the synopsis.
func performanceFlags() []string {
	names := slices.DeleteFunc(flagNames(), func(name string) bool { return !ofPerformance(name) })
	slices.Sort(names)
	return names
}

func ofPerformance(name string) bool { return strings.HasPrefix(name, "perf-") }

func flagNames() (names []string) {
	for _, f := range target.AllCryptFlags() {
		names = append(names, f.Option)
	}
	return names
}
