// SPDX-License-Identifier: Apache-2.0

package target

import (
	"strconv"
	"strings"
)

// options collects the optional arguments of a line, which the kernel wants counted in advance.
type options struct {
	words [][]byte
}

func (o *options) add(words ...string) {
	for _, word := range words {
		o.words = append(o.words, []byte(word))
	}
}

func (o *options) addNumber(prefix string, n uint64) {
	o.add(prefix + strconv.FormatUint(n, 10))
}

// nonZero adds "name:n" unless n is zero, which stands for "not given" throughout this package.
func (o *options) nonZero(name string, n uint64) {
	if n != 0 {
		o.addNumber(name+":", n)
	}
}

// splitNumber reads the number of an option "name:n". A zero is refused because zero means
// "not given"; the caller keeps such an option as text.
func splitNumber(word, name string, bits int) (uint64, bool) {
	text, found := strings.CutPrefix(word, name+":")
	if !found {
		return 0, false
	}
	n, err := strconv.ParseUint(text, 10, bits)
	return n, err == nil && n != 0 && text == strconv.FormatUint(n, 10)
}

// write appends "<n> word…"; some targets want the count even when it is zero.
func (o *options) write(w *writer, countAlways bool) {
	if len(o.words) == 0 && !countAlways {
		return
	}
	w.number(uint64(len(o.words)))
	for _, word := range o.words {
		w.word("option", string(word))
	}
}
