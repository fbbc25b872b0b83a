// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"bytes"
	"unicode/utf8"
)

// maxStars is how many characters are shown at most when they are masked.
const maxStars = 48

var (
	eraseLine = []byte("\r\x1b[K")
	bell      = []byte{7}
	star      = []byte{'*'}
)

// drawing is the prompt as it stands on the screen.
type drawing struct {
	line     *line
	title    string
	keymap   string
	keyboard keyboard
	capitals bool
}

// redraw writes the whole prompt.
func (d *drawing) redraw(c *Console) {
	d.capitals = d.keyboard.capitals()
	var b bytes.Buffer
	b.Write(eraseLine)
	if d.keymap != "" {
		b.WriteString("[" + printable(d.keymap) + "] ")
	}
	if d.capitals {
		b.WriteString("[CAPS LOCK] ")
	}
	b.WriteString(d.title + ": ")
	c.write(b.Bytes())
	d.content(c)
}

// content shows what is typed, straight from its buffer.
func (d *drawing) content(c *Console) {
	switch d.line.echo {
	case Masked:
		c.write(bytes.Repeat(star, min(d.line.characters(), maxStars)))
	case Visible:
		c.write(d.line.buffer.Bytes()[:d.line.length])
	}
}

// take lets a key act on line and screen and tells whether the line is complete.
func (d *drawing) take(c *Console, b byte) (done bool) {
	before := d.line.characters()
	switch d.line.key(b) {
	case entered:
		return true
	case full:
		c.write(bell)
	case redrawn:
		d.redraw(c)
		return false
	case appended:
		d.grow(c, before)
	}
	if d.capitals != d.keyboard.capitals() {
		d.redraw(c)
	}
	return false
}

// grow shows one more character; the bytes of one in UTF-8 come one by one.
func (d *drawing) grow(c *Console, before int) {
	last := d.line.buffer.Bytes()[d.line.length-1 : d.line.length]
	switch d.line.echo {
	case Visible:
		if last[0] >= 0x20 && last[0] != keyDelete {
			c.write(last)
		}
	case Masked:
		// An unfinished character counts one a byte and shrinks to one when it is whole.
		if now := d.line.characters(); now <= maxStars && now > before && utf8.RuneStart(last[0]) {
			c.write(star)
		}
	}
}
