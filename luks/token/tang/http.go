// SPDX-License-Identifier: Apache-2.0

package tang

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// The limits of an answer, bytes.
const (
	mostHeader = 16 << 10
	mostBody   = 64 << 10
)

// ErrAnswer: what came is no answer of a web server.
var ErrAnswer = errors.New("the server's answer is malformed")

// request is one of HTTP/1.1 (RFC 9112), after whose answer the server may hang up.
func request(method, path, host, kind string, body []byte) []byte {
	text := method + " " + path + " HTTP/1.1\r\nHost: " + host + "\r\nConnection: close\r\nAccept: */*\r\n"
	if len(body) > 0 {
		text += "Content-Type: " + kind + "\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	return append([]byte(text+"\r\n"), body...)
}

// answer is what has come so far: ended tells that no more will. It is complete when done says so.
func answer(p []byte, ended bool) (status int, body []byte, done bool, err error) {
	head, rest, whole := bytes.Cut(p, []byte("\r\n\r\n"))
	if !whole {
		if ended || len(p) > mostHeader {
			err = ErrAnswer
		}
		return 0, nil, false, err
	}
	first, fields, _ := strings.Cut(string(head), "\r\n")
	if status, err = statusOf(first); err != nil {
		return 0, nil, false, err
	}
	length, chunked, err := framing(fields)
	switch {
	case err != nil:
		return 0, nil, false, err
	case chunked:
		body, done, err = unchunk(rest)
	case length >= 0 && len(rest) >= length:
		body, done = rest[:length], true
	case length < 0:
		body, done = rest, ended
	}
	if err == nil && (ended && !done || len(rest) > 2*mostBody || len(body) > mostBody) {
		err = ErrAnswer
	}
	return status, body, done, err
}

// statusOf reads "HTTP/1.1 200 OK".
func statusOf(line string) (int, error) {
	version, rest, _ := strings.Cut(line, " ")
	word, _, _ := strings.Cut(rest, " ")
	n, err := strconv.ParseUint(word, 10, 16)
	if err != nil || len(word) != 3 || !strings.HasPrefix(version, "HTTP/1.") {
		return 0, ErrAnswer
	}
	return int(n), nil
}

// framing tells how long the body is; -1 for up to the end.
func framing(fields string) (length int, chunked bool, err error) {
	length = -1
	for _, line := range strings.Split(fields, "\r\n") {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch strings.ToLower(name) {
		case "content-length":
			n, err := strconv.ParseUint(value, 10, 31)
			if err != nil || n > mostBody {
				return 0, false, ErrAnswer
			}
			length = int(n)
		case "transfer-encoding":
			chunked = strings.EqualFold(value, "chunked")
			if !chunked {
				return 0, false, ErrAnswer
			}
		}
	}
	return length, chunked, nil
}

// unchunk joins chunks: hexadecimal length, line end, bytes, line end; the last has the length 0.
func unchunk(p []byte) (body []byte, done bool, err error) {
	for {
		line, rest, whole := bytes.Cut(p, []byte("\r\n"))
		if !whole {
			return nil, false, nil
		}
		word, _, _ := strings.Cut(string(line), ";")
		n, err := strconv.ParseUint(strings.TrimSpace(word), 16, 31)
		if err != nil || n > mostBody {
			return nil, false, ErrAnswer
		}
		if n == 0 {
			return body, true, nil
		}
		if len(rest) < int(n)+2 {
			return nil, false, nil
		}
		if rest[n] != '\r' || rest[n+1] != '\n' || len(body)+int(n) > mostBody {
			return nil, false, ErrAnswer
		}
		body, p = append(body, rest[:n]...), rest[n+2:]
	}
}
