// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/integrity"
)

// algorithms are those of a command line, with their keys. All but the first may be absent.
type algorithms struct {
	hash       *integrity.Algorithm
	mac, crypt *integrity.Algorithm
}

func (a *algorithms) close() {
	for _, one := range []*integrity.Algorithm{a.hash, a.mac, a.crypt} {
		if one != nil {
			one.Key.Close()
		}
	}
}

func (a *algorithms) journal() integrity.JournalKeys {
	return integrity.JournalKeys{MAC: a.mac, Crypt: a.crypt}
}

// readAlgorithms reads the keys that the command line names.
func (r *run) readAlgorithms(ctx context.Context) (err error) {
	for _, one := range []struct {
		into *(*integrity.Algorithm)
		name string
		file string
		size uint64
	}{
		{&r.keys.hash, r.hash, r.keyFile, r.keySize},
		{&r.keys.mac, r.mac, r.macFile, r.macSize},
		{&r.keys.crypt, r.crypt, r.cryptFile, r.cryptSize},
	} {
		if one.name == "" {
			continue
		}
		if *one.into, err = r.readAlgorithm(ctx, one.name, one.file, one.size); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) readAlgorithm(ctx context.Context, name, file string, size uint64) (*integrity.Algorithm, error) {
	kernel, err := integrity.KernelName(name)
	if err != nil {
		return nil, setup.Because(ui.Failed, "No known integrity specification pattern detected.", err)
	}
	a := &integrity.Algorithm{Name: kernel}
	if file == "" {
		if integrity.Keyed(kernel) {
			return nil, setup.Failure(ui.Failed, "The algorithm %s needs a key file.", name)
		}
		return a, nil
	}
	a.Key, err = r.ui.Secret(ctx, ui.Request{KeyFile: file, Size: size})
	if err != nil {
		return nil, setup.Because(ui.Failed, "Cannot read keyfile "+file+".", err)
	}
	return a, nil
}

// explainField gives integritysetup's words for a value that dm-integrity does not have.
func explainField(err error, device string) error {
	var field *integrity.FieldError
	var size *integrity.SizeError
	value := ""
	if errors.As(err, &field) {
		value = fmt.Sprintf("%.40v", field.Value)
	}
	switch {
	case errors.As(err, &size):
		return setup.Because(ui.Failed, "Device "+device+" is too small.", err)
	case field == nil:
		return err
	case field.Field == "version":
		return setup.Because(ui.Failed, "Incompatible kernel dm-integrity metadata (version "+value+") detected on "+
			device+".", err)
	case field.Field == "integrity":
		return setup.Because(ui.Failed, "The algorithm "+value+" is not known to this program.", err)
	}
	return setup.Because(ui.Failed, device+": "+field.Error()+".", err)
}
