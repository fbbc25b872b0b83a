// SPDX-License-Identifier: Apache-2.0

package monkey

func (r *Runner) Race(seed uint64) (*Failure, error) { return nil, nil }
