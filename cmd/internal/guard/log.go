// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/unixsocket"
)

const journalSocket = "/run/systemd/journal/socket"

// Logger writes as the configuration says; w is where text and JSON go.
func Logger(c policy.Config, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked by the parser
	options := &slog.HandlerOptions{Level: level}
	plain := &slog.HandlerOptions{Level: level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		a.Value = inWords(a.Value)
		return a
	}}
	kind := c.Log
	if kind == policy.LogAuto {
		kind = policy.LogText
		if os.Getenv("JOURNAL_STREAM") != "" {
			kind = policy.LogJournal
		}
	}
	switch kind {
	case policy.LogJSON:
		return slog.New(slog.NewJSONHandler(w, options))
	case policy.LogJournal:
		c, err := unixsocket.DialDatagram(journalSocket)
		if err == nil {
			return slog.New(&journal{w: c, level: level})
		}
	}
	return slog.New(slog.NewTextHandler(w, plain))
}

// inWords makes a list a line for people. In JSON it stays a list.
func inWords(v slog.Value) slog.Value {
	if list, ok := v.Any().([]string); ok {
		return slog.StringValue(strings.Join(list, "; "))
	}
	return v
}

// journal sends records in the journal's own protocol (systemd, "Native Journal Protocol"): a field a
// line, and where a value has newlines of its own its length as a 64-bit little-endian number.
type journal struct {
	w     io.Writer
	level slog.Level
	attrs []slog.Attr // their keys with the groups that they are in
	group string
}

func (j *journal) Enabled(_ context.Context, level slog.Level) bool { return level >= j.level }

func (j *journal) Handle(_ context.Context, r slog.Record) error {
	var b bytes.Buffer
	text := r.Message
	field(&b, "PRIORITY", priority(r.Level))
	field(&b, "SYSLOG_IDENTIFIER", "orthrus-guard")
	add := func(key string, a slog.Attr) {
		value := inWords(a.Value.Resolve()).String()
		field(&b, "ORTHRUS_"+fieldName(key), value)
		if value != "" {
			text += fmt.Sprintf(" %s=%s", key, value)
		}
	}
	for _, a := range j.attrs {
		add(a.Key, a)
	}
	r.Attrs(func(a slog.Attr) bool {
		add(j.group+a.Key, a)
		return true
	})
	field(&b, "MESSAGE", text)
	_, err := j.w.Write(b.Bytes())
	return err
}

func (j *journal) WithAttrs(attrs []slog.Attr) slog.Handler {
	next := *j
	next.attrs = append([]slog.Attr{}, j.attrs...)
	for _, a := range attrs {
		next.attrs = append(next.attrs, slog.Attr{Key: j.group + a.Key, Value: a.Value})
	}
	return &next
}

func (j *journal) WithGroup(name string) slog.Handler {
	next := *j
	next.group += name + "_"
	return &next
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

// priority is syslog's number.
func priority(level slog.Level) string {
	switch {
	case level >= slog.LevelError:
		return "3"
	case level >= slog.LevelWarn:
		return "4"
	case level >= slog.LevelInfo:
		return "6"
	}
	return "7"
}
