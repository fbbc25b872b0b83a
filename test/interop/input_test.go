// SPDX-License-Identifier: Apache-2.0

package interop

import "testing"

// TestKeysOnStandardInput: both take the same bytes of a pipe and of key files for the passphrase.
func TestKeysOnStandardInput(t *testing.T) {
	type step struct {
		args  string
		stdin string
		code  int
	}
	add := "luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "
	open := "open --test-passphrase a.img "
	cases := []struct {
		name  string
		steps []step
	}{
		{"one line", []step{
			{add + "a.img --key-file k1 k2", "", 0},
			{add + "--key-file k2 a.img", "fresh\nfresh\n", 0},
			{open, "fresh\n", 0},
			{open, "fresh", 0},
			{open, "fresh\nmore", 0},
			{open, "fres", 2},
			{open, "", 1},
			{open, "\n", 2},
			{open + "--key-file -", "fresh", 0},
			{open + "--key-file -", "fresh\n", 2},
			{open + "-d- --keyfile-size 5", "fresh\nrest", 0},
			{open + "-d- --keyfile-size 6", "fresh", 1},
			{open + "-d- --keyfile-offset 3 --keyfile-size 5", "xyzfresh", 0},
		}},
		{"old line and new line", []step{
			{add + "--key-file k1 a.img", "first\n", 0},
			{add + "a.img", "first\nsecond\nsecond\n", 0},
			{open, "second", 0},
			{add + "a.img", "none\nsecond\n", 2},
			{add + "a.img", "first\n", 1},
		}},
		{"old and new key in one stream", []step{
			{add + "--key-file k1 a.img", "first\n", 0},
			{add + "--key-file=- --keyfile-size=5 a.img -", "firstthe rest\nis new", 0},
			{open + "-d-", "the rest\nis new", 0},
		}},
		{"parts of key files", []step{
			{add + "--key-file k1 --new-keyfile-offset 4 --new-keyfile-size 3 a.img k2", "", 0},
			{open, "key", 0},
			{open + "--key-file k3 --keyfile-offset 4 --keyfile-size 3", "", 0},
			{open + "--key-file k3 --keyfile-offset 400", "", 1},
			{open + "--key-file k3 --keyfile-offset 4", "", 2},
			{open + "--key-file k3 --keyfile-size 400", "", 1},
		}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, version := range []string{"luks1", "luks2"} {
				bothWays(t, version, func(b *bed, maker, other tool) {
					b.copy("a.img", "fresh.img")
					for _, p := range []tool{maker, other} {
						b.copy("fresh.img", "a.img")
						for _, s := range c.steps {
							got := p.call(b.t, call{dir: b.dir, stdin: s.stdin, args: words(s.args)})
							if got.code != s.code {
								b.t.Errorf("%s %s < %q: exit %d, want %d\n%s", p.name, s.args, s.stdin, got.code, s.code, got.stderr)
							}
						}
					}
				})
			}
		})
	}
}
