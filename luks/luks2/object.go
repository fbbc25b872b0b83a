// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
)

// object is a JSON object that keeps its members' order and text. A repeated key replaces the
// earlier value and keeps its place, as json-c does.
type object struct {
	members []member
}

// maxMembers bounds an object's members and a list's elements. No volume comes near it, and it
// keeps the work that a hostile header can ask for linear in its size.
const maxMembers = 256

type member struct {
	key   string
	value json.RawMessage
}

var (
	errNotObject = errors.New("not an object")
	errTooMany   = errors.New("more than 256 members")
)

// parseObject reads exactly one object from text. The nesting depth must have been checked.
func parseObject(text []byte) (*object, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	open, err := dec.Token()
	if err != nil {
		return nil, err
	}
	if open != json.Delim('{') {
		return nil, errNotObject
	}
	o := &object{}
	for dec.More() {
		key, err := dec.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := dec.Decode(&value); err != nil {
			return nil, err
		}
		o.set(key.(string), value)
		if len(o.members) > maxMembers {
			return nil, errTooMany
		}
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("text after the object")
	}
	return o, nil
}

func (o *object) index(key string) int {
	return slices.IndexFunc(o.members, func(m member) bool { return m.key == key })
}

// get returns nil where the key is missing.
func (o *object) get(key string) json.RawMessage {
	if i := o.index(key); i >= 0 {
		return o.members[i].value
	}
	return nil
}

// set replaces in place or appends.
func (o *object) set(key string, value json.RawMessage) {
	if i := o.index(key); i >= 0 {
		o.members[i].value = value
		return
	}
	o.members = append(o.members, member{key, value})
}

func (o *object) remove(key string) {
	if i := o.index(key); i >= 0 {
		o.members = slices.Delete(o.members, i, i+1)
	}
}

func (o *object) clone() *object { return &object{members: slices.Clone(o.members)} }

// text is the compact form, members in order.
func (o *object) text() json.RawMessage {
	var out bytes.Buffer
	out.WriteByte('{')
	for i, m := range o.members {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(quote(m.key))
		out.WriteByte(':')
		// Every value was accepted by the decoder or made here, so Compact cannot fail.
		if err := json.Compact(&out, m.value); err != nil {
			panic("luks2: invalid JSON inside an accepted object: " + err.Error())
		}
	}
	out.WriteByte('}')
	return out.Bytes()
}

// quote is JSON for s without HTML escapes, which other readers would keep as clutter.
func quote(s string) json.RawMessage {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(s); err != nil {
		panic("luks2: encoding a string: " + err.Error())
	}
	return bytes.TrimRight(out.Bytes(), "\n")
}

// number64 is the format's way to write 64-bit numbers: decimal digits in a string.
func number64(n uint64) json.RawMessage { return quote(strconv.FormatUint(n, 10)) }

func number(n uint64) json.RawMessage { return json.RawMessage(strconv.FormatUint(n, 10)) }

func list(values []string) json.RawMessage {
	var out bytes.Buffer
	out.WriteByte('[')
	for i, v := range values {
		if i > 0 {
			out.WriteByte(',')
		}
		out.Write(quote(v))
	}
	out.WriteByte(']')
	return out.Bytes()
}
