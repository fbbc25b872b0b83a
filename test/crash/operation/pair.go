// SPDX-License-Identifier: Apache-2.0

package operation

import "github.com/orthrus-luks/orthrus/test/crash"

func pairs() []crash.Kind { return nil }
