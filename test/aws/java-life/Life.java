import java.util.Map;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.services.kms.KmsClient;
import software.amazon.awssdk.services.kms.model.*;

/** The life of a symmetric key and of a key pair by the AWS SDK for Java 2, which finds the service by its environment. */
public class Life {
    public static void main(String[] words) {
        try (KmsClient kms = KmsClient.create()) {
            KeyMetadata key = kms.createKey(wish -> wish.description("by Java").tags(Tag.builder().tagKey("a").tagValue("b").build()))
                    .keyMetadata();
            kms.createAlias(wish -> wish.aliasName("alias/java").targetKeyId(key.keyId()));
            Map<String, String> context = Map.of("tenant", "é", "stage", "test");
            SdkBytes plaintext = SdkBytes.fromUtf8String("hello");
            EncryptResponse sealed = kms.encrypt(wish -> wish.keyId("alias/java").plaintext(plaintext).encryptionContext(context));
            require(sealed.keyId().equals(key.arn()), "the answer names the key");
            SdkBytes blob = sealed.ciphertextBlob();
            require(kms.decrypt(wish -> wish.ciphertextBlob(blob).encryptionContext(context)).plaintext().equals(plaintext),
                    "the plaintext comes back");
            try {
                kms.decrypt(wish -> wish.ciphertextBlob(blob));
                require(false, "without its context it does not open");
            } catch (InvalidCiphertextException expected) {
                require(expected.statusCode() == 400 && expected.requestId() != null, "the error has status and request id");
            }
            GenerateDataKeyResponse data = kms.generateDataKey(wish -> wish.keyId(key.keyId()).keySpec(DataKeySpec.AES_256));
            require(kms.decrypt(wish -> wish.ciphertextBlob(data.ciphertextBlob())).plaintext().equals(data.plaintext()),
                    "the data key comes back");
            require(kms.listResourceTags(wish -> wish.keyId(key.keyId())).tags().get(0).tagValue().equals("b"), "the tag is there");
            long keys = kms.listKeysPaginator(wish -> wish.limit(1)).keys().stream().count();
            require(keys >= 1, "keys are listed by pages");

            String pair = kms.createKey(wish -> wish.keySpec(KeySpec.ECC_NIST_P256).keyUsage(KeyUsageType.SIGN_VERIFY))
                    .keyMetadata().keyId();
            SdkBytes signature = kms.sign(wish -> wish.keyId(pair).message(plaintext)
                    .signingAlgorithm(SigningAlgorithmSpec.ECDSA_SHA_256)).signature();
            require(kms.verify(wish -> wish.keyId(pair).message(plaintext).signature(signature)
                    .signingAlgorithm(SigningAlgorithmSpec.ECDSA_SHA_256)).signatureValid(), "the signature is verified");

            ScheduleKeyDeletionResponse gone = kms.scheduleKeyDeletion(wish -> wish.keyId(key.keyId()).pendingWindowInDays(7));
            require(gone.keyState() == KeyState.PENDING_DELETION, "the key is pending deletion");
            try {
                kms.decrypt(wish -> wish.ciphertextBlob(data.ciphertextBlob()));
                require(false, "pending deletion it opens nothing");
            } catch (KmsInvalidStateException expected) {
                System.out.println("well");
            }
        }
    }

    private static void require(boolean holds, String what) {
        if (!holds) throw new AssertionError("not so: " + what);
    }
}
