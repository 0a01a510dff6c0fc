// The seal of Vault, and of OpenBao, which was made from it: wraps a root key with AWS KMS.
package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"os"

	wrapping "github.com/hashicorp/go-kms-wrapping/v2"
	"github.com/hashicorp/go-kms-wrapping/wrappers/awskms/v2"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	ctx := context.Background()
	secret := make([]byte, 32)
	_, err := rand.Read(secret)
	check(err)

	seal := awskms.NewWrapper()
	// As in the configuration of a server: it asks for the key, and makes a trial of it.
	_, err = seal.SetConfig(ctx, wrapping.WithConfigMap(map[string]string{
		"kms_key_id": os.Args[1],
		"endpoint":   os.Args[2],
		"region":     os.Args[3],
	}))
	check(err)
	sealed, err := seal.Encrypt(ctx, secret)
	check(err)
	if bytes.Contains(sealed.Ciphertext, secret) {
		check(fmt.Errorf("the secret lies open"))
	}
	// Another process unseals: it knows the key only from what was sealed.
	other := awskms.NewWrapper()
	_, err = other.SetConfig(ctx, wrapping.WithConfigMap(map[string]string{
		"kms_key_id": os.Args[1],
		"endpoint":   os.Args[2],
		"region":     os.Args[3],
	}))
	check(err)
	opened, err := other.Decrypt(ctx, sealed)
	check(err)
	if !bytes.Equal(opened, secret) {
		check(fmt.Errorf("another secret came out"))
	}
	id, err := other.KeyId(ctx)
	check(err)
	fmt.Println(id)
}
