// SPDX-License-Identifier: Apache-2.0

package tang

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/luks/token/ready"
	"golang.org/x/sys/unix"
)

// ErrName: nobody knows an address of the host.
var ErrName = errors.New("the server's name is not known")

// patience is how long one name server is waited for.
const patience = 2 * time.Second

// resolve finds the addresses of a host: as they are, in /etc/hosts, or from the name servers of /etc/resolv.conf.
func resolve(ctx context.Context, host string) ([]ip, error) {
	if a, is := parseIP(strings.Trim(host, "[]")); is {
		return []ip{a}, nil
	}
	hosts, _ := os.ReadFile("/etc/hosts")
	if list := fromHosts(string(hosts), host); len(list) > 0 {
		return list, nil
	}
	conf, _ := os.ReadFile("/etc/resolv.conf")
	for _, server := range nameServers(string(conf)) {
		var list []ip
		for _, kind := range []uint16{typeA, typeAAAA} {
			some, err := ask(ctx, server, host, kind)
			if err == nil {
				list = append(list, some...)
			}
		}
		if len(list) > 0 || ctx.Err() != nil {
			return list, ctx.Err()
		}
	}
	return nil, fmt.Errorf("%w: %s", ErrName, host)
}

func fromHosts(text, host string) (list []ip) {
	for _, line := range strings.Split(text, "\n") {
		line, _, _ = strings.Cut(line, "#")
		words := strings.Fields(line)
		for i, word := range words {
			if a, is := parseIP(words[0]); i > 0 && is && strings.EqualFold(word, host) {
				list = append(list, a)
			}
		}
	}
	return list
}

// nameServers are at most three.
func nameServers(text string) (list []ip) {
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) >= 2 && words[0] == "nameserver" && len(list) < 3 {
			if a, is := parseIP(words[1]); is {
				list = append(list, a)
			}
		}
	}
	return list
}

// The types of records (RFC 1035, RFC 3596).
const (
	typeA    = 1
	typeAAAA = 28
)

// ask sends one question and takes the first answer to it.
func ask(ctx context.Context, server ip, host string, kind uint16) ([]ip, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	var id [2]byte
	if _, err := rand.Read(id[:]); err != nil {
		return nil, err
	}
	question, err := queryFor(id, host, kind)
	if err != nil {
		return nil, err
	}
	fd, err := dial(ctx, server, 53, unix.SOCK_DGRAM)
	if err != nil {
		return nil, err
	}
	defer unix.Close(fd)
	if err := ready.Write(ctx, fd, question); err != nil {
		return nil, err
	}
	p := make([]byte, 1500)
	for {
		n, err := ready.Read(ctx, fd, p)
		if err != nil {
			return nil, err
		}
		if list, ok := records(p[:n], question, kind); ok {
			return list, nil
		}
	}
}

// queryFor is a question for a recursive server.
func queryFor(id [2]byte, host string, kind uint16) ([]byte, error) {
	p := append(id[:], 1, 0, 0, 1, 0, 0, 0, 0, 0, 0)
	for _, label := range strings.Split(strings.TrimSuffix(host, "."), ".") {
		if label == "" || len(label) > 63 || len(host) > 253 {
			return nil, ErrName
		}
		p = append(append(p, byte(len(label))), label...)
	}
	p = binary.BigEndian.AppendUint16(append(p, 0), kind)
	return binary.BigEndian.AppendUint16(p, 1), nil // of the Internet
}

// records are the addresses in the answer to a question; false for what is none.
func records(p, question []byte, kind uint16) (list []ip, ok bool) {
	const header = 12
	if len(p) < len(question) || [2]byte(p) != [2]byte(question) || p[2]&0x80 == 0 ||
		string(p[header:len(question)]) != string(question[header:]) {
		return nil, false
	}
	count, rest := int(binary.BigEndian.Uint16(p[6:])), p[len(question):]
	for range min(count, 32) {
		if rest, ok = afterName(rest); !ok || len(rest) < 10 {
			break
		}
		is, size := binary.BigEndian.Uint16(rest), int(binary.BigEndian.Uint16(rest[8:]))
		if len(rest) < 10+size {
			break
		}
		if is == kind && size == map[uint16]int{typeA: 4, typeAAAA: 16}[kind] {
			list = append(list, ip(rest[10:10+size]))
		}
		rest = rest[10+size:]
	}
	return list, true
}

// afterName is what stands behind a name, whose end may be a pointer.
func afterName(p []byte) ([]byte, bool) {
	for len(p) > 0 {
		switch n := int(p[0]); {
		case n == 0:
			return p[1:], true
		case n >= 0xc0 && len(p) >= 2:
			return p[2:], true
		case n > 63 || len(p) < 1+n:
			return nil, false
		default:
			p = p[1+n:]
		}
	}
	return nil, false
}
