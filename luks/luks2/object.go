// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"encoding/json"
	"errors"
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
	errNotList   = errors.New("not a list")
	errTooMany   = errors.New("more than 256 members")
)

// parseObject reads exactly one object from text. The nesting depth must have been checked.
func parseObject(text []byte) (*object, error) {
	if err := syntax(text); err != nil {
		return nil, err
	}
	return splitObject(text)
}

// splitObject reads an object from text whose syntax was checked.
func splitObject(text []byte) (*object, error) {
	c := cursor{text}
	if !c.next('{') {
		return nil, errNotObject
	}
	o := &object{}
	for !c.next('}') {
		key, err := unquote(c.value())
		if err != nil {
			return nil, err
		}
		c.next(':')
		o.set(key, c.value())
		if len(o.members) > maxMembers {
			return nil, errTooMany
		}
		c.next(',')
	}
	return o, nil
}

// splitList reads the elements of a list from text whose syntax was checked.
func splitList(text []byte) ([]json.RawMessage, error) {
	c := cursor{text}
	if !c.next('[') {
		return nil, errNotList
	}
	var list []json.RawMessage
	for !c.next(']') {
		if list = append(list, c.value()); len(list) > maxMembers {
			return nil, errTooMany
		}
		c.next(',')
	}
	return list, nil
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
	out := []byte{'{'}
	for i, m := range o.members {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(append(out, quote(m.key)...), ':')
		out = appendCompact(out, m.value)
	}
	return append(out, '}')
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
