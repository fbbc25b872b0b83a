// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"errors"
	"io"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
	"github.com/orthrus-luks/orthrus/dm/verity"
	"github.com/orthrus-luks/orthrus/dm/verity/content"
)

// onFiles says which files lie on bad data blocks.
type onFiles struct {
	FileSystem string    `json:"file_system,omitempty"`
	Files      []badFile `json:"files"`
	More       int       `json:"more_files,omitempty"` // that are not listed
	Others     int64     `json:"other_bytes"`          // in no file: tables, and what is free
	Unread     int       `json:"unread,omitempty"`     // inodes and directories: files may be missing
	Why        string    `json:"why,omitempty"`        // there are no names
}

type badFile struct {
	Path  string `json:"path"`
	Bytes int64  `json:"bytes"` // of it in bad blocks
}

// mostRuns bounds the runs of bad blocks whose files are looked for.
const mostRuns = 1 << 20

// whoseBlocks looks the files up, in the repaired copy where there is one, else in what is verified: a directory in a
// bad block has no say.
func (r *run) whoseBlocks(im *image, v *verity.Image, bad *verity.Set, repaired bool) *onFiles {
	from, shut, err := r.soundCopy(im, v, repaired)
	if err != nil {
		return &onFiles{Files: []badFile{}, Why: err.Error()}
	}
	defer shut()
	size := int64(im.DataBlockSize)
	var spans []content.Span
	for first, blocks := range bad.Runs() {
		if len(spans) == mostRuns {
			return &onFiles{Files: []badFile{}, Why: "there are too many bad blocks"}
		}
		spans = append(spans, content.Span{Offset: int64(first) * size, Length: int64(blocks) * size})
	}
	report, err := content.Find(from, spans)
	if err != nil {
		return &onFiles{Files: []badFile{}, Why: whyNoNames(err)}
	}
	found := &onFiles{
		FileSystem: report.FileSystem, Files: []badFile{}, More: report.More, Others: report.Others,
		Unread: report.Unread,
	}
	for _, f := range report.Files {
		found.Files = append(found.Files, badFile{f.Path, f.Bytes})
	}
	return found
}

func whyNoNames(err error) string {
	if errors.Is(err, content.ErrUnknown) {
		return "the data are no ext4, erofs or squashfs, or their superblock is bad"
	}
	return err.Error()
}

func (r *run) soundCopy(im *image, v *verity.Image, repaired bool) (from io.ReaderAt, shut func(), err error) {
	shut = func() {}
	if repaired && r.repair != "" {
		f, err := os.Open(r.repair)
		if err != nil {
			return nil, nil, err
		}
		return f, func() { f.Close() }, nil
	}
	quiet := *v
	quiet.Progress = nil
	reader, err := verity.NewReader(&quiet, im.root)
	return reader, shut, err
}

// printFiles tells people.
func (r *run) printFiles(c *onFiles) {
	if c.Why != "" {
		r.ui.Printf("files: not told, as %s", printable.Line(c.Why))
		return
	}
	for _, f := range c.Files {
		r.ui.Printf("file: %s, %d bytes", printable.Line(f.Path), f.Bytes)
	}
	if c.More > 0 {
		r.ui.Printf("and %d more files", c.More)
	}
	if c.Others > 0 {
		r.ui.Printf("in no file: %d bytes (tables of the %s, or free)", c.Others, c.FileSystem)
	}
	if c.Unread > 0 {
		r.ui.Printf("%d inodes or directories cannot be read, or are compressed: files may be missing here", c.Unread)
	}
}
