// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// happened encodes a struct inotify_event.
func happened(wd int32, mask uint32, name string) []byte {
	p := make([]byte, unix.SizeofInotifyEvent, 64)
	binary.NativeEndian.PutUint32(p, uint32(wd))
	binary.NativeEndian.PutUint32(p[4:], mask)
	if name != "" {
		name += string(make([]byte, 16-len(name)%16))
	}
	binary.NativeEndian.PutUint32(p[12:], uint32(len(name)))
	return append(p, name...)
}

func testWatcher() *watcher {
	return &watcher{
		images: func() []string { return []string{"/srv/*.img"} },
		nodes:  map[int32]string{1: "8:0"}, ids: map[string]bool{"8:0": true}, dirs: map[int32]string{2: "/srv"},
	}
}

func TestInotifyEventsNameWhatTheyAreAbout(t *testing.T) {
	for _, test := range []struct {
		event []byte
		want  string
	}{
		{happened(1, unix.IN_CLOSE_WRITE, ""), "8:0"},
		{happened(2, unix.IN_MOVED_TO, "a.img"), "/srv/a.img"},
		{happened(2, unix.IN_CLOSE_WRITE, "a.txt"), ""},
		{happened(2, unix.IN_IGNORED, ""), ""},
		{happened(-1, unix.IN_Q_OVERFLOW, ""), rescan},
		{happened(2, unix.IN_CREATE, "a.img")[:20], ""},
	} {
		got := ""
		for _, id := range testWatcher().read(test.event) {
			got += id
		}
		if got != test.want {
			t.Errorf("%q: %q, want %q", test.event, got, test.want)
		}
	}
	w := testWatcher()
	w.read(happened(1, unix.IN_DELETE_SELF, ""))
	if w.ids["8:0"] {
		t.Error("a node that is gone counts as watched")
	}
}

func TestAClosedWriterIsHeardAndAReaderIsNot(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a.img")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	w, err := newWatcher(func() []string { return []string{dir + "/*.img"} })
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	ctx, cancel := context.WithCancel(t.Context())
	heard, ended := make(chan string, 10), make(chan struct{})
	go func() {
		w.run(ctx, func(id string) { heard <- id })
		close(ended)
	}()
	for _, flags := range []int{os.O_RDONLY, os.O_WRONLY} {
		f, err := os.OpenFile(path, flags, 0)
		if err != nil {
			t.Fatal(err)
		}
		_ = f.Close()
	}
	if got := <-heard; got != path {
		t.Errorf("%q", got)
	}
	select {
	case got := <-heard:
		t.Errorf("and %q", got)
	case <-time.After(100 * time.Millisecond):
	}
	cancel()
	<-ended
}

func FuzzInotify(f *testing.F) {
	f.Add(append(happened(1, unix.IN_CLOSE_WRITE, ""), happened(2, unix.IN_CREATE, "a.img")...))
	f.Add(happened(2, unix.IN_CREATE, "b.img")[:17])
	f.Fuzz(func(t *testing.T, p []byte) {
		for _, id := range testWatcher().read(p) {
			if match, _ := filepath.Match("/srv/*.img", id); id != "8:0" && id != rescan && !match {
				t.Errorf("%q", id)
			}
		}
	})
}
