// SPDX-License-Identifier: Apache-2.0

package printable

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"unicode"

	"pgregory.net/rapid"
)

func TestWhatATerminalWouldObeyIsShownAsAnEscape(t *testing.T) {
	for text, want := range map[string]string{
		"plain":            "plain",
		"Größe 大":          "Größe 大",
		"a\x1b[31mred":     `a\x1b[31mred`,
		"bell\a del\x7f":   `bell\x07 del\x7f`,
		"c1 \u009b2J":      `c1 \u009b2J`,
		"raw \x9b2J":       `raw \x9b2J`,
		"latin \xe9":       "latin \xe9",
		"turned \u202egpj": `turned \u202egpj`,
		"two\nlines\r\t":   `two\nlines\r\t`,
	} {
		if got := Line(text); got != want {
			t.Errorf("%q became %q, want %q", text, got, want)
		}
	}
	if got := Text("two\n\tlines\r"); got != "two\n\tlines\\r" {
		t.Errorf("%q", got)
	}
}

func TestArgumentsAreMadePrintable(t *testing.T) {
	args := []any{"a\x1bb\n", []string{"c\nd"}, errors.Join(errors.New("one\x07"), errors.New("two")), Block("laid\nout"), 7}
	want := []any{"a\\x1bb\n", []string{`c\nd`}, `one\x07; two`, Block("laid\nout"), 7}
	if got := Args(args); !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
}

func TestNothingThatIsObeyedIsLeft(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := string(rapid.SliceOf(rapid.Byte()).Draw(t, "text"))
		if got := Line(text); strings.ContainsFunc(got, unicode.IsControl) {
			t.Fatalf("%q is left in %q", text, got)
		}
		if again := Line(Line(text)); again != Line(text) {
			t.Fatalf("%q is not left alone", Line(text))
		}
	})
}

func TestJSONMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := rapid.String().Draw(t, "text")
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got string
		clean := JSON(text)
		if err := json.Unmarshal(clean, &got); err != nil || got != want {
			t.Fatalf("%s: %q %v", clean, got, err)
		}
		if strings.ContainsFunc(string(clean), obeyed) {
			t.Fatalf("%q", clean)
		}
	})
}

func ExampleLine() {
	fmt.Println(Line("Label:\x1b[2J"))
	// Output: Label:\x1b[2J
}
