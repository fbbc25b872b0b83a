// SPDX-License-Identifier: Apache-2.0

package main

import "context"

func benchmark(ctx context.Context, c *command) error { return nil }
