// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// unitsOfCrypttab runs the generator as systemd does, then what the unit it made
// would run. The volume's name needs escaping.
const unitsOfCrypttab = `
cp -a /stage/. /
printf '` + Passphrase + `' >/root/key
chmod 600 /root/key
printf '%s\n' "sealed UUID=` + RootUUID + ` none luks" "da-ta UUID=` + secondUUID + ` /root/key luks,nofail" "hand UUID=1 none noauto" 'with\040blank /images/a\040b.img /root/key luks,noauto' >/etc/crypttab
/lib/systemd/systemd-udevd --daemon
udevadm trigger --settle
generator=/usr/lib/systemd/system-generators/orthrus-generator
mkdir -p /tmp/beside /tmp/alone /etc/systemd/system-generators
$generator /tmp/beside /tmp/beside /tmp/beside
[ -z "$(ls /tmp/beside)" ]
ln -s /dev/null /etc/systemd/system-generators/systemd-cryptsetup-generator
$generator /tmp/alone /tmp/alone /tmp/alone
cd /tmp/alone
[ -L 'cryptsetup.target.wants/orthrus@da\x2dta.service' ]
[ -L cryptsetup.target.requires/orthrus@sealed.service ]
[ ! -e cryptsetup.target.requires/orthrus@hand.service ]
[ -L dev-mapper-hand.device.requires/orthrus@hand.service ]
grep -q '^Before=cryptsetup.target' orthrus@sealed.service.d/50-crypttab.conf
grep -q '^RequiresMountsFor="/root/key"' 'orthrus@da\x2dta.service.d/50-crypttab.conf'
grep -q '^RequiresMountsFor="/images/a b.img"' 'orthrus@with\x20blank.service.d/50-crypttab.conf'
[ -L 'dev-mapper-with\x20blank.device.requires/orthrus@with\x20blank.service' ]
systemd-analyze verify --man=no 'orthrus@da\x2dta.service'
$(sed -n 's/^ExecStart=//p' /usr/lib/systemd/system/orthrus@.service | sed 's/%I/da-ta/') </dev/null
[ -b /dev/mapper/da-ta ]
$(sed -n 's/^ExecStop=//p' /usr/lib/systemd/system/orthrus@.service | sed 's/%I/da-ta/')
[ ! -e /dev/mapper/da-ta ]
echo all is well`

func TestUnitsUnlockWhatCrypttabLists(t *testing.T) {
	stage := filepath.Join(t.TempDir(), "stage")
	must(t, install(t.Context(), stage))
	cfg := Workshop(secondDisk(t))
	cfg.Files = map[string]string{"/stage": stage}
	m, err := machine.Start(t.Context(), cfg)
	must(t, err)
	t.Cleanup(m.Close)
	shell(t, m, unitsOfCrypttab, "all is well")
}
