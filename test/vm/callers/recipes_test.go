// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// page is where cmd/pages/fleets.md is in the guest.
const page = "/usr/share/doc/fleets.md"

// recipe is a section of the page: its blocks of commands, and that of a playbook.
type recipe struct {
	commands []string
	playbook string
}

var block = regexp.MustCompile("(?s)```(sh|yaml)\n(.*?)```")

// recipes are the sections by their titles.
func recipes(t *testing.T) map[string]recipe {
	t.Helper()
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]recipe{}
	for _, section := range strings.Split(string(text), "\n## ")[1:] {
		title, body, _ := strings.Cut(section, "\n")
		var r recipe
		for _, m := range block.FindAllStringSubmatch(body, -1) {
			if m[1] == "yaml" {
				r.playbook = m[2]
			} else {
				r.commands = append(r.commands, m[2])
			}
		}
		all[title] = r
	}
	return all
}

// TestRecipesOfFleets runs what the page on many machines says, with the programs that it names. A block that is not
// run here fails it.
func TestRecipesOfFleets(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		all := recipes(t)
		run := map[string]func(*testing.T, recipe){
			"What goes wrong, seen from afar": metricsRecipe,
			"Headers off the machine":         resticRecipe,
			"Unlocking where the network is":  tangRecipe,
			"The same on every machine":       ansibleRecipe,
		}
		for title, r := range all {
			if run[title] == nil && len(r.commands) > 0 {
				t.Errorf("nothing runs %q", title)
			}
		}
		for _, title := range []string{
			"What goes wrong, seen from afar", "Headers off the machine", "Unlocking where the network is",
			"The same on every machine",
		} {
			t.Run(title, func(t *testing.T) { run[title](t, all[title]) })
		}
	})
}

// shell runs a block of the page as root would at a prompt, for the first disk.
func (g *guest) shell(commands string) string {
	g.t.Helper()
	return g.sh("set -o pipefail; export device=$a url=http://127.0.0.1:7500 " +
		"RESTIC_REPOSITORY=/srv/restic RESTIC_PASSWORD_FILE=/root/key; " + commands)
}

// watched starts the guard, which knows nothing yet.
func (g *guest) watched() {
	g.t.Helper()
	g.sh(`rm -rf /var/lib/orthrus; mkdir -p /run/orthrus
		setsid orthrus guard >/run/guard.log 2>&1 </dev/null & echo $! >/run/guard.pid`)
	g.t.Cleanup(func() { g.sh("kill $(cat /run/guard.pid)") })
}

// metricsRecipe: a damaged volume shows in the exporter's answer.
func metricsRecipe(t *testing.T, r recipe) {
	g := caller(t)
	g.luksFormat(g.a, "")
	g.sh("dd if=/dev/zero of=$a bs=512 seek=32 count=1 conv=notrunc status=none") // the secondary head
	g.shell(r.commands[0])
	g.watched()
	g.sh(`setsid prometheus-node-exporter --collector.disable-defaults --collector.textfile \
			--collector.textfile.directory=/var/lib/prometheus/node-exporter >/run/exporter.log 2>&1 </dev/null &
		for i in $(seq 300); do
			grep -q verdict /var/lib/prometheus/node-exporter/orthrus.prom && curl -sf http://localhost:9100/metrics >/dev/null && exit 0
			sleep 0.2
		done
		cat /run/guard.log /run/exporter.log; exit 1`)
	got := g.shell(r.commands[1])
	uuid := strings.TrimSpace(g.sh("cryptsetup luksUUID $a"))
	if !strings.Contains(got, `uuid="`+uuid+`"`) || strings.Contains(got, `verdict="healthy"`) || !strings.HasSuffix(got, "} 1\n") {
		t.Errorf("metrics of a volume with a damaged copy: %s", got)
	}
	g.sh("orthrus repair -q $a")
	g.sh(`for i in $(seq 300); do curl -s http://localhost:9100/metrics | grep 'verdict="healthy"' && exit 0; sleep 0.2; done; exit 1`)
	t.Logf("%s", got)
}

// resticRecipe: a header that is destroyed comes back from restic's repository. The configuration is that of the recipe
// before.
func resticRecipe(t *testing.T, r recipe) {
	g := caller(t)
	g.luksFormat(g.a, "")
	g.watched()
	uuid := strings.TrimSpace(g.sh("cryptsetup luksUUID $a"))
	g.sh("for i in $(seq 300); do orthrus guard status --json | grep -q " + uuid + " && exit 0; sleep 0.2; done; cat /run/guard.log; exit 1")
	g.shell(r.commands[0])
	g.sh("rm -rf /var/backups/headers; ! test -e /var/backups/headers; dd if=/dev/zero of=$a bs=1M count=4 conv=notrunc status=none; ! " + real + " isLuks $a")
	g.shell(r.commands[1])
	g.sh("printf secret | " + real + " open --test-passphrase $a; test $(" + real + " luksUUID $a) = " + uuid)
}

// tangRecipe: a volume opens by nothing but a tang server, and does not without.
func tangRecipe(t *testing.T, r recipe) {
	g := caller(t)
	g.luksFormat(g.a, "")
	g.sh(tang)
	got := g.shell("{\n" + r.commands[0] + "} <<<secret") // whoever types answers so
	if !strings.Contains(got, "tang") {
		t.Errorf("enroll list: %s", got)
	}
	g.sh("kill $(pgrep -x socat)")
	g.fails("orthrus open --token-only $a data </dev/null")
}

// ansibleRecipe: the playbook makes, opens and closes a volume, and adds a passphrase; run again, it changes nothing more.
func ansibleRecipe(t *testing.T, r recipe) {
	g := caller(t)
	if err := os.WriteFile("/root/volume.yml", []byte(r.playbook), 0o600); err != nil {
		t.Fatal(err)
	}
	got := g.shell("export LC_ALL=C.UTF-8 ANSIBLE_NOCOLOR=1; " + r.commands[0])
	if !strings.Contains(got, "changed=3") || !strings.Contains(got, "failed=0") {
		t.Errorf("ansible-playbook: %s", got)
	}
	g.sh("printf secret | " + real + " open --test-passphrase $a; printf 'another one' | " + real + " open --test-passphrase $a; ! test -e /dev/mapper/vault")
	g.ran("Ansible's module", "luksFormat --type luks2", "luksAddKey", "open", "close")
}
