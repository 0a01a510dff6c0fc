// The life of a symmetric key and of a key pair by Alibaba Cloud's SDK for Go, as an application writes it.
package main

import (
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"os"
	"strings"

	openapi "github.com/alibabacloud-go/darabonba-openapi/v2/client"
	kms "github.com/alibabacloud-go/kms-20160120/v3/client"
	"github.com/alibabacloud-go/tea/tea"
)

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func require(holds bool, what string) {
	if !holds {
		check(fmt.Errorf("not so: %s", what))
	}
}

func main() {
	client, err := kms.NewClient(&openapi.Config{
		AccessKeyId:     tea.String(os.Getenv("ACCESS_KEY_ID")),
		AccessKeySecret: tea.String(os.Getenv("ACCESS_KEY_SECRET")),
		Endpoint:        tea.String(os.Args[1]),
		RegionId:        tea.String(os.Args[2]),
		Protocol:        tea.String("http"),
	})
	check(err)

	made, err := client.CreateKey(&kms.CreateKeyRequest{
		Description:             tea.String("by Go"),
		EnableAutomaticRotation: tea.Bool(true),
		RotationInterval:        tea.String("7d"),
	})
	check(err)
	key := made.Body.KeyMetadata.KeyId
	_, err = client.CreateAlias(&kms.CreateAliasRequest{AliasName: tea.String("alias/go"), KeyId: key})
	check(err)
	context := map[string]interface{}{"tenant": "é", "stage": "test"}
	plaintext := base64.StdEncoding.EncodeToString([]byte("hello"))
	sealed, err := client.Encrypt(&kms.EncryptRequest{
		KeyId:             tea.String("alias/go"),
		Plaintext:         tea.String(plaintext),
		EncryptionContext: context,
	})
	check(err)
	require(*sealed.Body.KeyId == *key, "the answer names the key")
	opened, err := client.Decrypt(&kms.DecryptRequest{
		CiphertextBlob:    sealed.Body.CiphertextBlob,
		EncryptionContext: context,
	})
	check(err)
	require(*opened.Body.Plaintext == plaintext, "the plaintext comes back")
	_, err = client.Decrypt(&kms.DecryptRequest{CiphertextBlob: sealed.Body.CiphertextBlob})
	require(err != nil && strings.Contains(err.Error(), "InvalidParameter"), "without its context it does not open")
	data, err := client.GenerateDataKey(&kms.GenerateDataKeyRequest{KeyId: key, NumberOfBytes: tea.Int32(64)})
	check(err)
	again, err := client.Decrypt(&kms.DecryptRequest{CiphertextBlob: data.Body.CiphertextBlob})
	check(err)
	require(*again.Body.Plaintext == *data.Body.Plaintext, "the data key comes back")

	pair, err := client.CreateKey(&kms.CreateKeyRequest{
		KeySpec:  tea.String("EC_P256"),
		KeyUsage: tea.String("SIGN/VERIFY"),
	})
	check(err)
	versions, err := client.ListKeyVersions(&kms.ListKeyVersionsRequest{KeyId: pair.Body.KeyMetadata.KeyId})
	check(err)
	version := versions.Body.KeyVersions.KeyVersion[0].KeyVersionId
	digest := sha256.Sum256([]byte("a message"))
	text := base64.StdEncoding.EncodeToString(digest[:])
	signed, err := client.AsymmetricSign(&kms.AsymmetricSignRequest{
		Algorithm:    tea.String("ECDSA_SHA_256"),
		Digest:       tea.String(text),
		KeyId:        pair.Body.KeyMetadata.KeyId,
		KeyVersionId: version,
	})
	check(err)
	verified, err := client.AsymmetricVerify(&kms.AsymmetricVerifyRequest{
		Algorithm:    tea.String("ECDSA_SHA_256"),
		Digest:       tea.String(text),
		KeyId:        pair.Body.KeyMetadata.KeyId,
		KeyVersionId: version,
		Value:        signed.Body.Value,
	})
	check(err)
	require(*verified.Body.Value, "the signature is verified")

	_, err = client.ScheduleKeyDeletion(&kms.ScheduleKeyDeletionRequest{KeyId: key, PendingWindowInDays: tea.Int32(7)})
	check(err)
	_, err = client.Decrypt(&kms.DecryptRequest{CiphertextBlob: data.Body.CiphertextBlob})
	require(err != nil && strings.Contains(err.Error(), "Rejected.PendingDeletion"), "pending deletion it opens nothing")
	_, err = client.CancelKeyDeletion(&kms.CancelKeyDeletionRequest{KeyId: key})
	check(err)
	_, err = client.Decrypt(&kms.DecryptRequest{CiphertextBlob: data.Body.CiphertextBlob})
	check(err)
	fmt.Println("well")
}
