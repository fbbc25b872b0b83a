// SPDX-License-Identifier: Apache-2.0

package verity

// ActionDoc is what the manual says of an action.
type ActionDoc struct{ Name, Args string }

// OptionDoc is what the manual says of an option.
type OptionDoc struct{ Long, Arg, Term, About string }

// Actions lists the actions in the order of help.
func Actions() (list []ActionDoc) {
	for _, a := range actions() {
		list = append(list, ActionDoc{string(a.name), a.args})
	}
	return list
}

// Options lists the options in the order of help, our own at the end.
func Options() (list []OptionDoc) {
	kernels := kernelOf()
	for _, o := range table() {
		about := o.help + "."
		if since := kernels[o.long]; since != "" {
			about += " The kernel does it from Linux " + since + " on."
		}
		list = append(list, OptionDoc{o.long, o.arg, o.term(), about})
	}
	return list
}

// kernelOf is the first kernel that maps with an option.
func kernelOf() map[string]string {
	r := &run{call: &call{}}
	all := map[string]string{}
	for _, f := range append(r.features(), r.withValues()...) {
		all[f.long] = f.kernel
	}
	return all
}

func (o *option) term() string {
	term := "--" + o.long
	if o.short != 0 {
		term = "-" + string(rune(o.short)) + ", " + term
	}
	if o.arg != "" {
		term += "=" + o.arg
	}
	return term
}
