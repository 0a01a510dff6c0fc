"""The life of a symmetric, an asymmetric and an imported key through the official SDK for Python (ACS3)."""

import base64
import hashlib
import os

from alibabacloud_kms20160120 import models
from alibabacloud_kms20160120.client import Client
from alibabacloud_tea_openapi import models as open_api_models
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils

client = Client(
    open_api_models.Config(
        access_key_id=os.environ["ACCESS_KEY_ID"],
        access_key_secret=os.environ["SECRET"],
        endpoint=os.environ["ENDPOINT"],
        protocol="http",
        region_id="local",
    )
)


def refused(code, attempt):
    try:
        attempt()
    except Exception as error:
        assert getattr(error, "code", None) == code, repr(error)
        return
    raise AssertionError(f"{code} was expected")


def b64(data):
    return base64.b64encode(data).decode()


# symmetric
key_id = client.create_key(models.CreateKeyRequest(description="d 中文 *~()!'", key_spec="Aliyun_SM4")).body.key_metadata.key_id
client.create_alias(models.CreateAliasRequest(key_id=key_id, alias_name="alias/python"))
context = {"app": "x y", "n": "*~()!'"}
sealed = client.encrypt(models.EncryptRequest(key_id="alias/python", plaintext=b64(b"plain"), encryption_context=context)).body
assert sealed.key_id == key_id
opened = client.decrypt(models.DecryptRequest(ciphertext_blob=sealed.ciphertext_blob, encryption_context=context)).body
assert opened.plaintext == b64(b"plain")
refused("InvalidParameter", lambda: client.decrypt(models.DecryptRequest(ciphertext_blob=sealed.ciphertext_blob)))
data_key = client.generate_data_key(models.GenerateDataKeyRequest(key_id=key_id, number_of_bytes=64)).body
assert client.decrypt(models.DecryptRequest(ciphertext_blob=data_key.ciphertext_blob)).body.plaintext == data_key.plaintext
keys = client.list_keys(models.ListKeysRequest(page_number=1, page_size=100, filters='[{"Key":"KeySpec","Values":["Aliyun_SM4"]}]')).body
assert [key.key_id for key in keys.keys.key] == [key_id]
client.disable_key(models.DisableKeyRequest(key_id=key_id))
refused("Rejected.Disabled", lambda: client.encrypt(models.EncryptRequest(key_id=key_id, plaintext=b64(b"plain"))))
client.enable_key(models.EnableKeyRequest(key_id=key_id))
client.set_deletion_protection(models.SetDeletionProtectionRequest(protected_resource_arn=keys.keys.key[0].key_arn, enable_deletion_protection=True))
refused("Rejected.DeletionProtection", lambda: client.schedule_key_deletion(models.ScheduleKeyDeletionRequest(key_id=key_id, pending_window_in_days=7)))
client.set_deletion_protection(models.SetDeletionProtectionRequest(protected_resource_arn=keys.keys.key[0].key_arn, enable_deletion_protection=False))
client.schedule_key_deletion(models.ScheduleKeyDeletionRequest(key_id=key_id, pending_window_in_days=7))
assert client.describe_key(models.DescribeKeyRequest(key_id=key_id)).body.key_metadata.key_state == "PendingDeletion"
client.cancel_key_deletion(models.CancelKeyDeletionRequest(key_id=key_id))

# asymmetric
pair_id = client.create_key(models.CreateKeyRequest(key_spec="EC_P256", key_usage="SIGN/VERIFY")).body.key_metadata.key_id
version_id = client.list_key_versions(models.ListKeyVersionsRequest(key_id=pair_id)).body.key_versions.key_version[0].key_version_id
pem = client.get_public_key(models.GetPublicKeyRequest(key_id=pair_id, key_version_id=version_id)).body.public_key
digest = hashlib.sha256(b"a message").digest()
named = {"key_id": pair_id, "key_version_id": version_id, "algorithm": "ECDSA_SHA_256", "digest": b64(digest)}
value = client.asymmetric_sign(models.AsymmetricSignRequest(**named)).body.value
serialization.load_pem_public_key(pem.encode()).verify(base64.b64decode(value), digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
assert client.asymmetric_verify(models.AsymmetricVerifyRequest(value=value, **named)).body.value is True

# imported
external_id = client.create_key(models.CreateKeyRequest(origin="EXTERNAL")).body.key_metadata.key_id
parameters = client.get_parameters_for_import(
    models.GetParametersForImportRequest(key_id=external_id, wrapping_algorithm="RSAES_OAEP_SHA_256", wrapping_key_spec="RSA_2048")
).body
wrapping_key = serialization.load_der_public_key(base64.b64decode(parameters.public_key))
oaep = padding.OAEP(padding.MGF1(hashes.SHA256()), hashes.SHA256(), None)
client.import_key_material(
    models.ImportKeyMaterialRequest(
        key_id=external_id,
        encrypted_key_material=b64(wrapping_key.encrypt(os.urandom(32), oaep)),
        import_token=parameters.import_token,
        key_material_expire_unix=0,
    )
)
client.encrypt(models.EncryptRequest(key_id=external_id, plaintext=b64(b"plain")))
client.delete_key_material(models.DeleteKeyMaterialRequest(key_id=external_id))
refused("Rejected.PendingImport", lambda: client.encrypt(models.EncryptRequest(key_id=external_id, plaintext=b64(b"plain"))))

# another product
refused("UnsupportedOperation", lambda: client.create_secret(models.CreateSecretRequest(secret_name="s", secret_data="d", version_id="v")))
print("all lives are over")
