// SPDX-License-Identifier: Apache-2.0

package cli

// optionSpec describes one option. Whether it takes an argument, and of what kind, follows from the
// type of the field that field returns: *bool takes none.
type optionSpec struct {
	long    string
	short   byte
	shortOf Action // the letter is meant where this action comes first; "" is everywhere else
	arg     string // name of the argument in the synopsis and the help text
	help    string

	field  func(*Options) any
	suffix bool                  // a size that takes k, MiB, s …
	check  func(*Options) string // run right after the option was read; a reason to refuse, or ""
	only   []Action              // actions that take it; any action when empty
	lacks  string                // what this program does not do, empty when it does it
	own    bool                  // not an option of cryptsetup
}

func (s *optionSpec) isFlag() bool {
	_, flag := s.field(&Options{}).(*bool)
	return flag
}

// given tells whether the option was on the command line.
func (s *optionSpec) given(o *Options) bool {
	switch field := s.field(o).(type) {
	case *bool:
		return *field
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
	panic("cli: option --" + s.long + " has a field of unknown type")
}

func findLong(name string) *optionSpec {
	for i := range options {
		if options[i].long == name {
			return &options[i]
		}
	}
	return nil
}

// findShort returns the option of that letter, as meant by the action that was named before it.
func findShort(letter byte, action Action) *optionSpec {
	var found *optionSpec
	for i := range options {
		s := &options[i]
		if s.short != letter {
			continue
		}
		if s.shortOf == action && action != "" {
			return s
		}
		if s.shortOf == "" {
			found = s
		}
	}
	return found
}

// takenBy tells whether the action takes the option.
func (s *optionSpec) takenBy(action Action) bool {
	for _, other := range s.only {
		if other == action {
			return true
		}
	}
	return len(s.only) == 0
}
