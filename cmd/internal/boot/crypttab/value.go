// SPDX-License-Identifier: Apache-2.0

package crypttab

import (
	"encoding/hex"
	"math"
	"strconv"
	"strings"
	"time"
)

// boolean reads systemd's booleans; an option without value is true.
func boolean(text string, has bool, to *bool) bool {
	if !has {
		*to = true
		return true
	}
	on, ok := ParseBool(text)
	if ok {
		*to = on
	}
	return ok
}

// ParseBool reads a boolean in any of systemd's spellings.
func ParseBool(text string) (on, ok bool) {
	switch strings.ToLower(text) {
	case "1", "yes", "y", "true", "t", "on":
		return true, true
	case "0", "no", "n", "false", "f", "off":
		return false, true
	}
	return false, false
}

func span(text string, to *Span) bool {
	d, ok := ParseSpan(text)
	if ok {
		*to = Span{d, true}
	}
	return ok
}

// spanUnits of systemd.time(7), the longer names first where one begins with another.
var spanUnits = []struct {
	names string
	unit  time.Duration
}{
	{"us usec µs", time.Microsecond},
	{"ms msec", time.Millisecond},
	{"s sec second seconds", time.Second},
	{"m min minute minutes", time.Minute},
	{"h hr hour hours", time.Hour},
	{"d day days", 24 * time.Hour},
	{"w week weeks", 7 * 24 * time.Hour},
}

// ParseSpan reads a time span as systemd does, "90", "1min 30s", "500ms"; a number alone counts
// seconds. Both "infinity" and 0 are 0, without end.
func ParseSpan(text string) (time.Duration, bool) {
	text = strings.TrimSpace(text)
	if text == "infinity" {
		return 0, true
	}
	if text == "" {
		return 0, false
	}
	var total float64
	for text != "" {
		digits := leading(text, func(c byte) bool { return c >= '0' && c <= '9' || c == '.' })
		n, err := strconv.ParseFloat(digits, 64)
		if err != nil {
			return 0, false
		}
		text = strings.TrimLeft(text[len(digits):], " ")
		name := leading(text, func(c byte) bool { return c >= 'a' && c <= 'z' || c >= 0x80 })
		unit, ok := unitNamed(name)
		if !ok {
			return 0, false
		}
		total += n * float64(unit)
		text = strings.TrimLeft(text[len(name):], " ")
	}
	if total > math.MaxInt64/2 {
		return 0, true
	}
	return time.Duration(total), true
}

func unitNamed(name string) (time.Duration, bool) {
	if name == "" {
		return time.Second, true
	}
	for _, u := range spanUnits {
		for one := range strings.SplitSeq(u.names, " ") {
			if one == name {
				return u.unit, true
			}
		}
	}
	return 0, false
}

func leading(text string, is func(byte) bool) string {
	for i := range len(text) {
		if !is(text[i]) {
			return text[:i]
		}
	}
	return text
}

func hexadecimal(text string) bool {
	b, err := hex.DecodeString(text)
	return err == nil && len(b) >= 20
}

// Span is a time that may be set; zero stands for no end.
type Span struct {
	V   time.Duration
	Set bool
}

// Or is the span, or other where none was set.
func (s Span) Or(other time.Duration) time.Duration {
	if s.Set {
		return s.V
	}
	return other
}

func number(text string, to *uint64) bool {
	n, err := strconv.ParseUint(text, 10, 53)
	if err == nil {
		*to = n
	}
	return err == nil
}

func integer(text string, least, most int, to *int) bool {
	n, err := strconv.Atoi(text)
	if err != nil || n < least || n > most {
		return false
	}
	*to = n
	return true
}
