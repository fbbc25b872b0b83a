// SPDX-License-Identifier: Apache-2.0

package cli

// Option declares one option. Whether it takes an argument, and of what kind, follows from the type
// of the variable that Into points to: a *bool takes none. *Value[string], *Value[int],
// *Value[uint32] and *Value[uint64] take one; *[]string and *[]uint32 may be given more than once. A flag of
// dm-crypt, which takes none either, is a bit in a set of them.
type Option struct {
	Long    string
	Short   byte   // 0 for none
	ShortOf Action // the letter is meant where this action comes first; "" is everywhere else
	Arg     string // name of the argument in the synopsis and the help text
	Help    string

	Into     any
	All      bool          // any action takes it
	Suffix   bool          // a size that takes k, MiB, s …
	Check    func() string // run right after the option was read; a reason to refuse, or ""
	Lacks    string        // what this program does not do, empty when it does it
	Values   []string      // what the argument can be, where that is little; for completions
	File     bool          // the argument is a path; for completions
	Unlisted bool          // parsed for old scripts or for what is not supported: no page and no completion names it
}

// IsOwn tells whether the option is not one of cryptsetup's.
func (s *Option) IsOwn() bool { return place(s.Long) >= place(firstOwn) }

// IsFlag tells whether it takes no argument.
func (s *Option) IsFlag() bool {
	switch s.Into.(type) {
	case *bool, cryptFlag:
		return true
	}
	return false
}

// given tells whether the option was on the command line.
func (s *Option) given() bool {
	switch field := s.Into.(type) {
	case *bool:
		return *field
	case cryptFlag:
		return field.given()
	case *Value[string]:
		return field.Set
	case *Value[int]:
		return field.Set
	case *Value[uint32]:
		return field.Set
	case *Value[uint64]:
		return field.Set
	case *[]string:
		return len(*field) > 0
	case *[]uint32:
		return len(*field) > 0
	}
	panic("cli: option --" + s.Long + " has a variable of unknown type")
}

// Among is a check for an argument that is one of few words.
func Among(v *Value[string], reason string, words ...string) func() string {
	return func() string {
		for _, word := range words {
			if v.V == word {
				return ""
			}
		}
		return reason
	}
}

// NotNegative is a check for numbers that start at 0.
func NotNegative(v *Value[int], reason string) func() string {
	return func() string { return Refuse(v.V < 0, reason) }
}

// Positive is a check for numbers that start at 1.
func Positive(v *Value[uint32], reason string) func() string {
	return func() string { return Refuse(v.V == 0, reason) }
}
