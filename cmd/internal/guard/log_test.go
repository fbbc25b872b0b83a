// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"log/slog"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
)

func TestJournalFields(t *testing.T) {
	var b bytes.Buffer
	log := slog.New(&journal{w: &b, level: slog.LevelInfo}).With("uuid", "u-1").WithGroup("g")
	log.Debug("not said")
	log.Error("two\nlines", "dev-ice", "/dev/sda", "empty", "")
	text := b.String()
	length := make([]byte, 8)
	message := "two\nlines uuid=u-1 g_dev-ice=/dev/sda"
	binary.LittleEndian.PutUint64(length, uint64(len(message)))
	for _, want := range []string{
		"PRIORITY=3\n", "SYSLOG_IDENTIFIER=orthrus-guard\n", "ORTHRUS_UUID=u-1\n", "ORTHRUS_G_DEV_ICE=/dev/sda\n",
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
		log := Logger(policy.Config{Log: kind, Level: "warn"}, &b)
		log.Info("nothing")
		log.Warn("word")
		if !check(b.Bytes()) || bytes.Contains(b.Bytes(), []byte("nothing")) {
			t.Errorf("%s: %q", kind, b.String())
		}
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
		Logger(c, &out).Warn("look", "findings", []string{"one", "two"}, "because", []string{})
		if !strings.Contains(out.String(), want) {
			t.Errorf("%s: %s", kind, out.String())
		}
	}
}
