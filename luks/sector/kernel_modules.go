// SPDX-License-Identifier: Apache-2.0

package sector

import "strings"

// KernelModules are the names and aliases of the modules with which the kernel computes a specification, in
// either of dm-crypt's notations, and with which it does so for us. What is not there as a module may be
// built in. There are none for a malformed specification.
func KernelModules(spec string) []string {
	s, err := ParseSpec(spec)
	s.Cipher, _, _ = strings.Cut(s.Cipher, ":")
	var names []string
	if name, found := strings.CutPrefix(spec, capiPrefix); found {
		names = cryptoModules(capiAlgorithm(name))
	} else if err == nil {
		names = cryptoModules(s.algorithm())
	}
	if err == nil && !s.builtin() && !s.IsNull() {
		names = append(names, "algif_skcipher")
	}
	return names
}

// BootModules are KernelModules for each mode of BootPatterns, with the first of its ciphers.
func BootModules() []string {
	var names []string
	for _, r := range modes {
		if len(r.boot) > 0 {
			names = append(names, KernelModules(r.ciphers[0]+"-"+r.name+"-null")...)
		}
	}
	return names
}

// capiAlgorithm is what dm-crypt makes of "cbc(aes)-essiv:sha256"; a hash may have dashes, and so may the
// name of an algorithm.
func capiAlgorithm(name string) string {
	name, hash := cutLast(name, ":")
	name, iv := cutLast(name, "-")
	if iv == "essiv" {
		return "essiv(" + name + "," + hash + ")"
	}
	return name
}

func cutLast(text, sep string) (before, after string) {
	if i := strings.LastIndex(text, sep); i >= 0 {
		return text[:i], text[i+1:]
	}
	return text, ""
}

// cryptoModules are the aliases that the kernel asks for on its way to an algorithm, all and part of it:
// a processor's own code may have one for "xts(aes)".
func cryptoModules(algorithm string) []string {
	names := []string{"crypto-" + algorithm}
	template, of, nested := strings.Cut(algorithm, "(")
	if !nested {
		return names
	}
	names = append(names, "crypto-"+template)
	for _, inner := range arguments(of) {
		names = append(names, cryptoModules(inner)...)
	}
	for _, name := range rowOf(template).modules {
		names = append(names, "crypto-"+name)
	}
	return names
}

// arguments splits "cbc(aes),sha256)" at the commas that are in no parentheses of their own.
func arguments(of string) []string {
	var all []string
	depth, begin := 0, 0
	for i, c := range of {
		switch {
		case c == '(':
			depth++
		case c == ')' && depth > 0:
			depth--
		case c == ')' || c == ',' && depth == 0:
			all = append(all, of[begin:i])
			begin = i + 1
		}
	}
	return all
}
