// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/unixsocket"
)

const journalSocket = "/run/systemd/journal/socket"

// level says how much a record matters.
type level int

const (
	debug level = iota
	info
	warn
	failure
)

// levels are the names in the log and, in small letters, in the configuration.
var levels = [...]string{"DEBUG", "INFO", "WARN", "ERROR"}

// Log takes records: a message, and pairs of a name and a value, which is a string, a number, an error or a list of
// strings. Goroutines may share it.
type Log struct {
	mu     sync.Mutex
	w      io.Writer
	least  level
	format func(b *bytes.Buffer, at level, message string, pairs []any)
}

// Debug takes what is of use to whoever looks for a fault.
func (l *Log) Debug(message string, pairs ...any) { l.take(debug, message, pairs) }

// Info takes what went as it should.
func (l *Log) Info(message string, pairs ...any) { l.take(info, message, pairs) }

// Warn takes what somebody should look at.
func (l *Log) Warn(message string, pairs ...any) { l.take(warn, message, pairs) }

// Error takes what is lost, failed, or was written to a device.
func (l *Log) Error(message string, pairs ...any) { l.take(failure, message, pairs) }

func (l *Log) take(at level, message string, pairs []any) {
	if at < l.least {
		return
	}
	var b bytes.Buffer
	l.format(&b, at, message, pairs)
	l.mu.Lock()
	defer l.mu.Unlock()
	_, _ = l.w.Write(b.Bytes()) // there is nobody else to tell
}

// NewLog writes as the configuration says; w is where text and JSON go.
func NewLog(c policy.Config, w io.Writer) *Log {
	l := &Log{w: w, least: info, format: asText}
	for i, name := range levels {
		if strings.EqualFold(name, c.Level) {
			l.least = level(i)
		}
	}
	kind := c.Log
	if kind == policy.LogAuto && os.Getenv("JOURNAL_STREAM") != "" {
		kind = policy.LogJournal
	}
	switch kind {
	case policy.LogJSON:
		l.format = asJSON
	case policy.LogJournal:
		if socket, err := unixsocket.DialDatagram(journalSocket); err == nil {
			l.w, l.format = socket, asJournal
		}
	}
	return l
}

// asText is a line for people, of names and values.
func asText(b *bytes.Buffer, at level, message string, pairs []any) {
	fmt.Fprintf(b, "time=%s level=%s msg=%s", time.Now().Format("2006-01-02T15:04:05.000Z07:00"), levels[at],
		quoted(message))
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(b, " %v=%s", pairs[i], quoted(inWords(pairs[i+1])))
	}
	b.WriteByte('\n')
}

// quoted puts quotes around what would not be read as one word.
func quoted(text string) string {
	odd := func(r rune) bool { return r == '"' || r == '=' || unicode.IsSpace(r) || !unicode.IsPrint(r) }
	if text == "" || strings.ContainsFunc(text, odd) {
		return strconv.Quote(text)
	}
	return text
}

// asJSON is an object a line. A list stays one.
func asJSON(b *bytes.Buffer, at level, message string, pairs []any) {
	now := time.Now().Format(time.RFC3339Nano)
	fmt.Fprintf(b, `{"time":"%s","level":"%s","msg":%s`, now, levels[at], inJSON(message))
	for i := 0; i+1 < len(pairs); i += 2 {
		fmt.Fprintf(b, ",%s:%s", inJSON(pairs[i]), inJSON(pairs[i+1]))
	}
	b.WriteString("}\n")
}

func inJSON(value any) []byte {
	if err, ok := value.(error); ok {
		value = err.Error()
	}
	text, err := json.Marshal(value)
	if err != nil {
		text, _ = json.Marshal(fmt.Sprint(value))
	}
	return text
}

// inWords makes a list a line for people.
func inWords(value any) string {
	if list, ok := value.([]string); ok {
		return strings.Join(list, "; ")
	}
	return fmt.Sprint(value)
}

// asJournal is a record in the journal's own protocol (systemd, "Native Journal Protocol"): a field a
// line, and where a value has newlines of its own its length as a 64-bit little-endian number.
func asJournal(b *bytes.Buffer, at level, message string, pairs []any) {
	field(b, "PRIORITY", [...]string{"7", "6", "4", "3"}[at]) // syslog's numbers
	field(b, "SYSLOG_IDENTIFIER", "orthrus-guard")
	for i := 0; i+1 < len(pairs); i += 2 {
		name, value := fmt.Sprint(pairs[i]), inWords(pairs[i+1])
		field(b, "ORTHRUS_"+fieldName(name), value)
		if value != "" {
			message += fmt.Sprintf(" %s=%s", name, value)
		}
	}
	field(b, "MESSAGE", message)
}

func field(b *bytes.Buffer, name, value string) {
	b.WriteString(name)
	if !strings.Contains(value, "\n") {
		b.WriteString("=" + value + "\n")
		return
	}
	b.WriteByte('\n')
	b.Write(binary.LittleEndian.AppendUint64(nil, uint64(len(value))))
	b.WriteString(value + "\n")
}

// fieldName keeps to what the journal accepts: capital letters, digits and underscores.
func fieldName(name string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r - 'a' + 'A'
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9':
			return r
		}
		return '_'
	}, name)
}
