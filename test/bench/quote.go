// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"slices"
	"strings"
)

// What is between these lines of a document is replaced.
const quoteBegin, quoteEnd = "<!-- bench -->\n", "<!-- end of bench -->\n"

// quotable are the sections that users care for.
var quotable = []string{"Whole processes", "What Argon2id costs", "Sector encryption"}

// quote puts the head and the quotable sections of a report into a document.
func quote(report, document string) error {
	text, err := os.ReadFile(report)
	if err != nil {
		return err
	}
	into, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	changed, err := quoted(string(text), string(into))
	if err != nil {
		return fmt.Errorf("%s: %w", document, err)
	}
	return os.WriteFile(document, []byte(changed), 0o644)
}

func quoted(report, document string) (string, error) {
	before, rest, begins := strings.Cut(document, quoteBegin)
	_, after, ends := strings.Cut(rest, quoteEnd)
	if !begins || !ends {
		return "", fmt.Errorf("no lines %q and %q", strings.TrimSpace(quoteBegin), strings.TrimSpace(quoteEnd))
	}
	var kept strings.Builder
	for i, section := range strings.Split(report, "\n## ") {
		title, body, _ := strings.Cut(section, "\n")
		switch {
		case i == 0:
			kept.WriteString(strings.TrimSpace(body) + "\n")
		case slices.Contains(quotable, title):
			kept.WriteString("\n" + strings.TrimSpace(body) + "\n")
		}
	}
	return before + quoteBegin + kept.String() + quoteEnd + after, nil
}
