// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
)

func TestJournalFields(t *testing.T) {
	var b bytes.Buffer
	log := &Log{w: &b, least: info, format: asJournal}
	log.Debug("not said")
	log.Error("two\nlines", "uuid", "u-1", "dev-ice", "/dev/sda", "empty", "")
	text := b.String()
	length := make([]byte, 8)
	message := "two\nlines uuid=u-1 dev-ice=/dev/sda"
	binary.LittleEndian.PutUint64(length, uint64(len(message)))
	for _, want := range []string{
		"PRIORITY=3\n", "SYSLOG_IDENTIFIER=orthrus-guard\n", "ORTHRUS_UUID=u-1\n", "ORTHRUS_DEV_ICE=/dev/sda\n",
		"MESSAGE\n" + string(length) + message + "\n",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in %q", want, text)
		}
	}
	if strings.Contains(text, "not said") {
		t.Error("below the level")
	}
}

func TestLoggerWritesAsTheConfigurationSays(t *testing.T) {
	t.Setenv("JOURNAL_STREAM", "")
	for kind, check := range map[policy.Log]func(line []byte) bool{
		policy.LogJSON: json.Valid,
		policy.LogText: func(line []byte) bool { return bytes.Contains(line, []byte("msg=word")) },
		policy.LogAuto: func(line []byte) bool { return bytes.Contains(line, []byte("msg=word")) },
	} {
		var b bytes.Buffer
		log := NewLog(policy.Config{Log: kind, Level: "warn"}, &b)
		log.Info("nothing")
		log.Warn("word")
		if !check(b.Bytes()) || bytes.Contains(b.Bytes(), []byte("nothing")) {
			t.Errorf("%s: %q", kind, b.String())
		}
	}
}

func TestTextIsQuotedWhereItIsNotOneWord(t *testing.T) {
	var b bytes.Buffer
	log := &Log{w: &b, format: asText}
	log.Info("plain", "n", 3, "error", errors.New("of two words"), "odd", "a=b", "hostile", "a\nb\x1b", "none", "")
	want := ` level=INFO msg=plain n=3 error="of two words" odd="a=b" hostile="a\nb\x1b" none=""` + "\n"
	if at, got, _ := strings.Cut(b.String(), " level"); " level"+got != want || !strings.HasPrefix(at, "time=20") {
		t.Errorf("got %q", b.String())
	}
}

func TestJSONOfErrorsAndNumbers(t *testing.T) {
	var b bytes.Buffer
	log := &Log{w: &b, format: asJSON}
	log.Warn(`a "word"`, "n", 3, "error", errors.New("no"), "nil", nil)
	if !strings.HasSuffix(b.String(), `"level":"WARN","msg":"a \"word\"","n":3,"error":"no","nil":null}`+"\n") ||
		!json.Valid(b.Bytes()) {
		t.Errorf("got %s", b.String())
	}
}

// People read the log as text; a list is a line there, and a list where programs read it.
func TestListsAreWordsInTheTextLog(t *testing.T) {
	for kind, want := range map[policy.Log]string{
		policy.LogText: `findings="one; two" because=""`, policy.LogJSON: `"findings":["one","two"],"because":[]`,
	} {
		var out bytes.Buffer
		c := policy.Default()
		c.Log = kind
		NewLog(c, &out).Warn("look", "findings", []string{"one", "two"}, "because", []string{})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", kind, out.String())
		}
	}
}
