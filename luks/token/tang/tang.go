// SPDX-License-Identifier: Apache-2.0

// Package tang asks a server of that name for its part in recovering a key, over plain HTTP, in which nothing is
// secret: what is sent is blinded, and whoever changes what comes back only keeps the key from being recovered.
//
//	POST /rec/KID   {"alg":"ECMR","crv":"P-521","kty":"EC","x":"…","y":"…"}   the point X = C + e·G
//	200             {"crv":"P-521","kty":"EC","x":"…","y":"…", …}              the point Y = s·X
//
// The key is Y - e·S, with S the server's public key as it was at binding (McCallum and Relyea). Redirects are not
// followed, and one server is asked once.
//
// Sockets are the kernel's: the standard library's package net would make the program larger than all of this is.
package tang

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/token/curve"
	"github.com/orthrus-luks/orthrus/luks/token/ready"
	"golang.org/x/sys/unix"
)

// The kinds of failure.
var (
	// ErrAbsent: the server cannot be reached.
	ErrAbsent = errors.New("the server cannot be reached")
	// ErrRotated: the server does not have the key any more.
	ErrRotated = errors.New("the server does not have the key any more: it was rotated and deleted")
	// ErrScheme: the address is not one of plain HTTP.
	ErrScheme = errors.New("servers are asked by http:// only, which is as safe: what is sent is blinded")
	// ErrSlow: the server did not answer in time.
	ErrSlow = errors.New("the server does not answer")
)

// limit is how long a server may take, its name included.
const limit = 10 * time.Second

// Binding is what was kept when a key was bound to a server.
type Binding struct {
	URL   string // "http://host:port/path"
	Kid   string // thumbprint of the server's key
	Curve *curve.Curve
	// Client is the one-time key's public part, C, and Server the server's, S.
	Client, Server curve.Point
}

// Recover has the server help, and returns the x coordinate of the shared point.
func (b Binding) Recover(ctx context.Context) (*secret.Buffer, error) {
	e, err := b.Curve.Scalar()
	if err != nil {
		return nil, err
	}
	defer secret.Wipe(e)
	blind, err := b.Curve.Multiply(b.Curve.Base(), e)
	if err != nil {
		return nil, err
	}
	x, err := b.Curve.Add(b.Client, blind)
	if err != nil {
		return nil, err
	}
	y, err := b.ask(ctx, x)
	if err != nil {
		return nil, err
	}
	mask, err := b.Curve.Multiply(b.Server, e)
	if err != nil {
		return nil, err
	}
	key, err := b.Curve.Subtract(y, mask)
	secret.Wipe(mask.X)
	if err != nil {
		return nil, err
	}
	return secret.From(key.X)
}

// jwk is a point as JSON (RFC 7518, 6.2.1).
type jwk struct {
	Alg string `json:"alg,omitempty"`
	Crv string `json:"crv"`
	Kty string `json:"kty"`
	X   string `json:"x"`
	Y   string `json:"y"`
}

func (b Binding) ask(ctx context.Context, p curve.Point) (curve.Point, error) {
	encode := base64.RawURLEncoding.EncodeToString
	body, err := json.Marshal(jwk{"ECMR", b.Curve.Name, "EC", encode(p.X), encode(p.Y)})
	if err != nil {
		return curve.Point{}, err
	}
	status, text, err := exchange(ctx, b.URL, "POST", "/rec/"+b.Kid, "application/jwk+json", body)
	switch {
	case err != nil:
		return curve.Point{}, err
	case status == 404:
		return curve.Point{}, ErrRotated
	case status != 200:
		return curve.Point{}, fmt.Errorf("the server answers with status %d", status)
	}
	return b.point(text)
}

// point reads the server's answer.
func (b Binding) point(text []byte) (curve.Point, error) {
	var k jwk
	if json.Unmarshal(text, &k) != nil || k.Kty != "EC" || k.Crv != b.Curve.Name {
		return curve.Point{}, ErrAnswer
	}
	x, errX := base64.RawURLEncoding.DecodeString(k.X)
	y, errY := base64.RawURLEncoding.DecodeString(k.Y)
	if errX != nil || errY != nil || b.Curve.Check(curve.Point{X: x, Y: y}) != nil {
		return curve.Point{}, ErrAnswer
	}
	return curve.Point{X: x, Y: y}, nil
}

// Knows asks whether the server still has the key, with a point that is nobody's: nil, ErrRotated, or why it cannot be
// told.
func (b Binding) Knows(ctx context.Context) error {
	e, err := b.Curve.Scalar()
	if err != nil {
		return err
	}
	p, err := b.Curve.Multiply(b.Curve.Base(), e)
	if err != nil {
		return err
	}
	_, err = b.ask(ctx, p)
	return err
}

// Advertises asks whether the server still offers the key for new bindings: not where it was rotated. is tells the key
// by its curve and coordinates, as they are in JSON. What the server says is not verified, and nothing follows from it
// but a word to people.
func (b Binding) Advertises(ctx context.Context, is func(crv, x, y string) bool) (bool, error) {
	status, text, err := exchange(ctx, b.URL, "GET", "/adv", "", nil)
	if err != nil {
		return false, err
	}
	var signed struct {
		Payload string `json:"payload"`
	}
	var payload struct {
		Keys []jwk `json:"keys"`
	}
	if status != 200 || json.Unmarshal(text, &signed) != nil {
		return false, ErrAnswer
	}
	inner, err := base64.RawURLEncoding.DecodeString(signed.Payload)
	if err != nil || json.Unmarshal(inner, &payload) != nil {
		return false, ErrAnswer
	}
	for _, k := range payload.Keys {
		if is(k.Crv, k.X, k.Y) {
			return true, nil
		}
	}
	return false, nil
}

// address takes "http://host:port/path" apart.
func address(url string) (host string, port uint16, path string, err error) {
	rest, plain := strings.CutPrefix(url, "http://")
	if !plain {
		return "", 0, "", ErrScheme
	}
	host, path, _ = strings.Cut(rest, "/")
	port = 80
	if at := strings.LastIndexByte(host, ':'); at >= 0 && !strings.HasSuffix(host, "]") {
		n, err := strconv.ParseUint(host[at+1:], 10, 16)
		if err != nil || n == 0 {
			return "", 0, "", ErrName
		}
		host, port = host[:at], uint16(n)
	}
	if path = strings.TrimRight(path, "/"); path != "" {
		path = "/" + path
	}
	return host, port, path, nil
}

// exchange asks the first of the host's addresses that takes a connection.
func exchange(ctx context.Context, url, method, path, kind string, body []byte) (int, []byte, error) {
	host, port, folder, err := address(url)
	if err != nil {
		return 0, nil, err
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, ErrSlow)
	defer cancel()
	list, err := resolve(ctx, host)
	if err != nil {
		return 0, nil, errors.Join(ErrAbsent, err)
	}
	name := host
	if port != 80 {
		name += ":" + strconv.Itoa(int(port))
	}
	text := request(method, folder+path, name, kind, body)
	for _, a := range list {
		var fd int
		if fd, err = dial(ctx, a, port, unix.SOCK_STREAM); err == nil {
			status, body, err := converse(ctx, fd, text)
			return status, body, errors.Join(err, unix.Close(fd))
		}
	}
	return 0, nil, fmt.Errorf("%w: %s: %w", ErrAbsent, host, err)
}

// converse sends a request and reads its answer.
func converse(ctx context.Context, fd int, text []byte) (status int, body []byte, err error) {
	if err := ready.Write(ctx, fd, text); err != nil {
		return 0, nil, err
	}
	var got []byte
	piece := make([]byte, 4096)
	for {
		n, err := ready.Read(ctx, fd, piece)
		if err != nil {
			return 0, nil, err
		}
		got = append(got, piece[:n]...)
		status, body, done, err := answer(got, n == 0)
		if done || err != nil {
			return status, body, err
		}
	}
}

// dial connects a socket that does not block.
func dial(ctx context.Context, a ip, port uint16, kind int) (fd int, err error) {
	family, where := a.at(port)
	fd, err = unix.Socket(family, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return 0, err
	}
	if err = unix.Connect(fd, where); err == unix.EINPROGRESS {
		_, err = ready.Do(ctx, fd, unix.POLLOUT, func() (int, error) {
			code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR)
			if err == nil && code != 0 {
				err = unix.Errno(code)
			}
			return 0, err
		})
	}
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}
