/** Encryption, data keys, signatures, MACs. */
import { type Binding, only } from '../action.ts'
import { rejectsMisuse } from '../errors.ts'
import { context, integer, type Parameter, refused, required, text, word } from '../members.ts'
import { algorithmName, algorithmWord, wrappingKeySpecWords } from '../words.ts'

const keyId = required(text('keyId'))
/** R42: an asymmetric call names its version. */
const keyVersionId = required(text('keyVersionId'))
const dataKeySpecs = { AES_256: 'AES_256', AES_128: 'AES_128', SM4: 'SM4' } as const
const noEnclaves = 'answers are not encrypted for enclaves here.'

function algorithm(member: string): Parameter {
  return { ...text(member), required: true, read: (value) => algorithmName(value) }
}

const dataKey = {
  KeyId: keyId,
  KeySpec: word('dataKeySpec', dataKeySpecs),
  NumberOfBytes: integer('numberOfBytes'),
  EncryptionContext: context('encryptionContext'),
}

const exportWrapping = {
  PublicKeyBlob: required(text('publicKey')),
  WrappingKeySpec: required(word('wrappingKeySpec', wrappingKeySpecWords)),
  WrappingAlgorithm: required(text('wrappingAlgorithm')),
}

export const cryptographyActions = {
  Encrypt: {
    operation: 'Encrypt',
    parameters: {
      KeyId: keyId,
      Plaintext: required(text('plaintext')),
      EncryptionContext: context('encryptionContext'),
    },
    answer: only('CiphertextBlob', 'KeyId', 'KeyVersionId'),
  },
  Decrypt: {
    operation: 'Decrypt',
    parameters: {
      CiphertextBlob: required(text('ciphertextBlob')),
      EncryptionContext: context('encryptionContext'),
      Recipient: refused(noEnclaves),
    },
    answer: only('Plaintext', 'KeyId', 'KeyVersionId'),
  },
  ReEncrypt: {
    operation: 'ReEncrypt',
    parameters: {
      CiphertextBlob: required(text('ciphertextBlob')),
      SourceEncryptionContext: context('sourceEncryptionContext'),
      DestinationKeyId: required(text('destinationKeyId')),
      DestinationEncryptionContext: context('destinationEncryptionContext'),
      SourceKeyId: text('sourceKeyId'),
      SourceKeyVersionId: refused('only the ciphertext of a symmetric key is taken.'),
      SourceEncryptionAlgorithm: refused('only the ciphertext of a symmetric key is taken.'),
    },
    answer: only('CiphertextBlob', 'KeyId', 'KeyVersionId'),
  },
  GenerateDataKey: {
    operation: 'GenerateDataKey',
    parameters: { ...dataKey, Recipient: refused(noEnclaves) },
    answer: only('CiphertextBlob', 'KeyId', 'KeyVersionId', 'Plaintext'),
  },
  GenerateDataKeyWithoutPlaintext: {
    operation: 'GenerateDataKeyWithoutPlaintext',
    parameters: dataKey,
    answer: only('CiphertextBlob', 'KeyId', 'KeyVersionId'),
  },
  ExportDataKey: {
    operation: 'ExportDataKey',
    parameters: {
      CiphertextBlob: required(text('ciphertextBlob')),
      EncryptionContext: context('encryptionContext'),
      ...exportWrapping,
    },
    answer: only('ExportedDataKey', 'KeyId', 'KeyVersionId'),
  },
  GenerateAndExportDataKey: {
    operation: 'GenerateAndExportDataKey',
    parameters: { ...dataKey, ...exportWrapping },
    answer: only('CiphertextBlob', 'ExportedDataKey', 'KeyId', 'KeyVersionId'),
  },
  AsymmetricEncrypt: {
    operation: 'AsymmetricEncrypt',
    parameters: {
      KeyId: keyId,
      KeyVersionId: keyVersionId,
      Algorithm: algorithm('encryptionAlgorithm'),
      Plaintext: required(text('plaintext')),
    },
    answer: only('CiphertextBlob', 'KeyId', 'KeyVersionId'),
    rewording: rejectsMisuse,
  },
  AsymmetricDecrypt: {
    operation: 'AsymmetricDecrypt',
    parameters: {
      KeyId: keyId,
      KeyVersionId: keyVersionId,
      Algorithm: algorithm('encryptionAlgorithm'),
      CiphertextBlob: required(text('ciphertextBlob')),
    },
    answer: only('Plaintext', 'KeyId', 'KeyVersionId'),
    rewording: rejectsMisuse,
  },
  AsymmetricSign: {
    operation: 'Sign',
    parameters: {
      KeyId: keyId,
      KeyVersionId: keyVersionId,
      Algorithm: algorithm('signingAlgorithm'),
      Digest: required(text('message')),
    },
    // For SM2DSA too the caller has hashed: SM3 over Z_A and the message.
    input: (members) => ({ ...members, messageType: 'DIGEST' }),
    answer: ({ Signature, KeyId, KeyVersionId }) => ({ Value: Signature, KeyId, KeyVersionId }),
    rewording: rejectsMisuse,
  },
  AsymmetricVerify: {
    operation: 'Verify',
    parameters: {
      KeyId: keyId,
      KeyVersionId: keyVersionId,
      Algorithm: algorithm('signingAlgorithm'),
      Digest: required(text('message')),
      Value: required(text('signature')),
    },
    input: (members) => ({ ...members, messageType: 'DIGEST' }),
    answer: ({ SignatureValid, KeyId, KeyVersionId }) => ({ Value: SignatureValid, KeyId, KeyVersionId }),
    rewording: rejectsMisuse,
  },
  GetPublicKey: {
    operation: 'GetPublicKey',
    parameters: { KeyId: keyId, KeyVersionId: keyVersionId },
    answer: ({ Pem, KeyId, KeyVersionId }) => ({ PublicKey: Pem, KeyId, KeyVersionId }),
    rewording: rejectsMisuse,
  },
  GenerateMac: {
    operation: 'GenerateMac',
    parameters: { KeyId: keyId, Algorithm: algorithm('macAlgorithm'), Message: required(text('message')) },
    answer: ({ Mac, MacAlgorithm, KeyId }) => ({ Mac, Algorithm: algorithmWord(MacAlgorithm as string), KeyId }),
    rewording: rejectsMisuse,
  },
  VerifyMac: {
    operation: 'VerifyMac',
    parameters: {
      KeyId: keyId,
      Algorithm: algorithm('macAlgorithm'),
      Message: required(text('message')),
      Mac: required(text('mac')),
    },
    answer: ({ MacValid, MacAlgorithm, KeyId }) => ({
      Value: MacValid,
      Algorithm: algorithmWord(MacAlgorithm as string),
      KeyId,
    }),
    rewording: rejectsMisuse,
  },
} satisfies Record<string, Binding>
