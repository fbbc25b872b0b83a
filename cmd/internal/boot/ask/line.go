// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"unicode/utf8"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Keys that edit.
const (
	keyInterrupt = 0x03
	keyEOF       = 0x04
	keyBackspace = 0x08
	keyTab       = '\t'
	keyLineFeed  = '\n'
	keyReturn    = '\r'
	keyKillLine  = 0x15
	keyLiteral   = 0x16
	keyKillWord  = 0x17
	keyEscape    = 0x1b
	keyDelete    = 0x7f
)

// outcome is what a key did to a line.
type outcome int

const (
	unchanged outcome = iota
	appended          // one character, or a part of one, more
	redrawn           // shorter, or shown in another way
	full              // nothing more fits
	entered           // the line is complete
)

// line is a passphrase being typed. It never leaves its buffer.
type line struct {
	buffer  *secret.Buffer // of MaxPassphrase bytes
	length  int
	echo    Echo
	shown   Echo // what Tab goes back to
	literal bool // the next key is taken as it is
	escape  int  // how far into the sequence of a function key
}

func newLine(echo Echo) (*line, error) {
	buffer, err := secret.New(MaxPassphrase)
	if err != nil {
		return nil, err
	}
	shown := echo
	if echo == Hidden {
		shown = Masked
	}
	return &line{buffer: buffer, echo: echo, shown: shown}, nil
}

// key takes one byte from the keyboard.
func (l *line) key(b byte) outcome {
	switch {
	case l.literal:
		l.literal = false
		return l.add(b)
	case l.escape > 0:
		return l.function(b)
	}
	switch b {
	case keyReturn, keyLineFeed:
		return entered
	case keyEOF:
		if l.length > 0 {
			return entered
		}
	case keyBackspace, keyDelete:
		return l.cut(l.before(l.length))
	case keyKillLine, keyInterrupt:
		return l.cut(0)
	case keyKillWord:
		return l.cut(l.word())
	case keyTab:
		return l.toggle()
	case keyLiteral:
		l.literal = true
	case keyEscape:
		l.escape = 1
	default:
		if b >= 0x20 {
			return l.add(b)
		}
	}
	return unchanged
}

// function drops the sequences of arrow and function keys: ESC [ or ESC O, up to a final byte.
func (l *line) function(b byte) outcome {
	switch {
	case l.escape == 1 && (b == '[' || b == 'O'):
		l.escape = 2
		return unchanged
	case l.escape == 2 && (b < 0x40 || b > 0x7e):
		return unchanged
	}
	l.escape = 0
	return unchanged
}

func (l *line) add(b byte) outcome {
	if l.length == l.buffer.Len() {
		return full
	}
	l.buffer.Bytes()[l.length] = b
	l.length++
	return appended
}

// cut shortens the line and wipes the rest.
func (l *line) cut(to int) outcome {
	secret.Wipe(l.buffer.Bytes()[to:l.length])
	l.length = to
	return redrawn
}

// before is where the character that ends at `end` begins.
func (l *line) before(end int) int {
	if end == 0 {
		return 0
	}
	_, size := utf8.DecodeLastRune(l.buffer.Bytes()[:end])
	return end - size
}

// word is where the last word begins.
func (l *line) word() int {
	at := l.length
	text := l.buffer.Bytes()
	for at > 0 && text[at-1] == ' ' {
		at--
	}
	for at > 0 && text[at-1] != ' ' {
		at--
	}
	return at
}

// toggle changes between what is shown and nothing.
func (l *line) toggle() outcome {
	if l.echo == Hidden {
		l.echo = l.shown
	} else {
		l.echo = Hidden
	}
	return redrawn
}

// characters is how many there are; bytes that are no UTF-8 count one each. utf8.RuneCount would make
// a string of the passphrase.
func (l *line) characters() int {
	n := 0
	for text := l.buffer.Bytes()[:l.length]; len(text) > 0; n++ {
		_, size := utf8.DecodeRune(text)
		text = text[size:]
	}
	return n
}

// take hands the passphrase over and leaves the line closed.
func (l *line) take() *secret.Buffer {
	taken := l.buffer
	l.buffer = nil
	taken.Truncate(l.length)
	return taken
}

func (l *line) close() error { return l.buffer.Close() }
