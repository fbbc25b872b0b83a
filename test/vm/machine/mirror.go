// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"
	"sync"
	"testing"
)

// results reads what `-test.v=test2json` prints in the guest and hands each
// event to the test it belongs to, so that tests of the host can mirror them as
// they happen. In that format every line of the framework's own begins with
// ^V (22).
type results struct {
	root  *node
	nodes map[string]*node
	now   *node // whose output follows
	line  []byte

	verdict string // on the root, as the guest printed it
}

// node is a test that runs in the guest; its events wait until the host's
// counterpart takes them.
type node struct {
	name string

	mu     sync.Mutex
	events []event
	more   *sync.Cond
	result string // PASS, FAIL, SKIP; LOST when the guest ended before
}

type event struct {
	kind eventKind
	text string
	sub  *node
}

type eventKind int

const (
	eventOutput eventKind = iota
	eventSub              // a subtest began
	eventPause            // the test waits for its parent's end: it is parallel
	eventResume           // a parallel subtest goes on: the test's own code has ended
	eventEnd              // result is set
)

func newNode(name string) *node {
	n := &node{name: name}
	n.more = sync.NewCond(&n.mu)
	return n
}

func newResults(name string) *results {
	root := newNode(name)
	return &results{root: root, nodes: map[string]*node{name: root}, now: root}
}

func (n *node) put(e event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.events = append(n.events, e)
	n.more.Signal()
}

func (n *node) take() event {
	n.mu.Lock()
	defer n.mu.Unlock()
	for len(n.events) == 0 {
		n.more.Wait()
	}
	e := n.events[0]
	n.events = n.events[1:]
	return e
}

const marker = "\x16"

var (
	progressLine = regexp.MustCompile(`^=== (RUN|PAUSE|CONT|NAME)\s+(\S*)$`)
	resultLine   = regexp.MustCompile(`^--- (PASS|FAIL|SKIP): (\S+) \([0-9.]+s\)$`)
)

// Write takes the guest's output, in pieces of any size.
func (r *results) Write(p []byte) (int, error) {
	r.line = append(r.line, p...)
	for {
		i := bytes.IndexByte(r.line, '\n')
		if i < 0 {
			return len(p), nil
		}
		r.takeLine(string(r.line[:i]))
		r.line = r.line[i+1:]
	}
}

// takeLine handles a line; output without a newline may stand before a marker.
func (r *results) takeLine(line string) {
	before, framework, marked := strings.Cut(line, marker)
	if !marked {
		r.output(line)
		return
	}
	if before != "" {
		r.output(before)
	}
	if m := progressLine.FindStringSubmatch(framework); m != nil {
		r.progress(m[1], m[2])
		return
	}
	if m := resultLine.FindStringSubmatch(framework); m != nil {
		r.conclude(m[2], m[1])
		return
	}
	r.output(framework)
}

func (r *results) output(line string) {
	if line == "PASS" || line == "FAIL" {
		return // the verdict on the whole binary
	}
	r.now.put(event{kind: eventOutput, text: strings.TrimPrefix(line, "    ")})
}

func (r *results) progress(what, name string) {
	switch what {
	case "RUN":
		r.begin(name)
	case "PAUSE":
		r.send(name, event{kind: eventPause})
	case "CONT":
		r.send(parentOf(name), event{kind: eventResume})
	}
	if n := r.nodes[name]; n != nil {
		r.now = n
	}
}

// begin makes a node for a subtest; those above the mirrored test have none.
func (r *results) begin(name string) {
	parent := r.nodes[parentOf(name)]
	if r.nodes[name] != nil || parent == nil {
		return
	}
	n := newNode(name)
	r.nodes[name] = n
	parent.put(event{kind: eventSub, sub: n})
}

func (r *results) send(name string, e event) {
	if n := r.nodes[name]; n != nil {
		n.put(e)
	}
}

func (r *results) conclude(name, result string) {
	n := r.nodes[name]
	switch {
	case n == nil:
		return
	case n == r.root:
		r.verdict = result // told when the whole binary has ended
	default:
		n.finish(result)
	}
	if p := r.nodes[parentOf(name)]; p != nil {
		r.now = p
	}
}

func (n *node) finish(result string) {
	n.mu.Lock()
	ended := n.result != ""
	if !ended {
		n.result = result
	}
	n.mu.Unlock()
	if !ended {
		n.put(event{kind: eventEnd})
	}
}

// end is called once when the test binary in the guest has ended.
func (r *results) end(code int, err error) {
	if len(r.line) > 0 {
		r.takeLine(string(r.line))
	}
	switch {
	case err != nil:
		r.root.put(event{kind: eventOutput, text: err.Error()})
		r.verdict = "FAIL"
	case r.verdict == "":
		r.root.put(event{kind: eventOutput, text: fmt.Sprintf("the test did not run to its end (exit status %d)",
			code)})
		r.verdict = "FAIL"
	case code != 0 && r.verdict == "PASS":
		r.root.put(event{kind: eventOutput, text: fmt.Sprintf("the test passed but its binary failed (exit status %d)",
			code)})
		r.verdict = "FAIL"
	}
	for _, n := range r.nodes {
		if n != r.root {
			n.finish("LOST")
		}
	}
	r.root.finish(r.verdict)
}

func parentOf(name string) string {
	i := strings.LastIndexByte(name, '/')
	return name[:max(i, 0)]
}

// mirror makes t show what the node's test does in the guest.
func (n *node) mirror(t *testing.T) {
	t.Helper()
	if !n.follow(t) {
		// Parallel subtests go on; the rest is known when they have ended.
		t.Cleanup(func() {
			for !n.follow(t) {
			}
			n.apply(t)
		})
		return
	}
	n.apply(t)
	if n.result == "SKIP" {
		t.SkipNow()
	}
}

// follow handles events until the test's end (true) or until its own code has
// ended and its parallel subtests go on (false).
func (n *node) follow(t *testing.T) bool {
	for {
		switch e := n.take(); e.kind {
		case eventOutput:
			fmt.Fprintln(t.Output(), e.text)
		case eventSub:
			t.Run(lastName(e.sub.name), e.sub.mirror)
		case eventPause:
			t.Parallel()
		case eventResume:
			return false
		case eventEnd:
			return true
		}
	}
}

func (n *node) apply(t *testing.T) {
	switch n.result {
	case "FAIL":
		t.Fail()
	case "LOST":
		t.Errorf("%s did not end inside", n.name)
	}
}

func lastName(name string) string { return name[strings.LastIndexByte(name, '/')+1:] }
