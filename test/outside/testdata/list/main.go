// SPDX-License-Identifier: Apache-2.0

// list says what images hold, all at once: list FILE...
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/orthrus-luks/orthrus/luks"
)

func main() {
	lines := make([]string, len(os.Args)-1)
	var all sync.WaitGroup
	for i, path := range os.Args[1:] {
		all.Add(1)
		go func() {
			defer all.Done()
			lines[i] = about(context.Background(), path)
		}()
	}
	all.Wait()
	for _, line := range lines {
		fmt.Println(line)
	}
}

func about(ctx context.Context, path string) string {
	dev, err := luks.OpenDevice(path, luks.DeviceOptions{})
	if err != nil {
		return fmt.Sprintf("%s: %v", path, err)
	}
	defer dev.Close()
	volume, err := luks.Load(ctx, dev)
	switch {
	case errors.Is(err, luks.ErrNotLUKS):
		return path + ": no volume"
	case err != nil:
		return fmt.Sprintf("%s: %v", path, err)
	}
	return fmt.Sprintf("%s: LUKS%d %s, %d keyslots", path, volume.Version, volume.UUID, len(volume.Keyslots))
}
