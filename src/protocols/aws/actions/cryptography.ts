import { encodeHeader } from '../../../domain/envelope.ts'
import { problem } from '../../../domain/errors.ts'
import { keyMaterialIdOf } from '../../../operations/material/key-material-id.ts'
import { encodeBase64 } from '../../../operations/shapes.ts'
import {
  arnOf,
  as,
  base64,
  dryRun,
  echoed,
  forRecipient,
  type Give,
  grantTokens,
  heeded,
  ignoresCiphertext,
  materialIdOf,
  type Rows,
  recipient,
  refused,
} from '../binding.ts'
import { refusal } from '../errors.ts'
import type { Given } from '../validation.ts'
import { originWord, specOf, specWord } from '../words.ts'

const symmetric = 'SYMMETRIC_DEFAULT'

/** Symmetric unless another algorithm is named; whether the key can do it, the operation says. */
const byAlgorithm = (member: string, ofSymmetric: string, ofPairs: string) => (given: Given) =>
  (given[member] ?? symmetric) === symmetric ? ofSymmetric : ofPairs
const encryptionAlgorithm = heeded('SYMMETRIC_DEFAULT, or one of the algorithms of the key pair')

/** Key pairs are not told which key it was, and have no context. */
function noContextForPairs(given: Given, algorithm: string, context: string): void {
  if ((given[algorithm] ?? symmetric) !== symmetric && given[context] !== undefined)
    throw refusal('ValidationException', `${context} is only for symmetric encryption.`)
}

const dataKey = {
  KeyId: 'keyId',
  EncryptionContext: 'encryptionContext',
  NumberOfBytes: 'numberOfBytes',
  KeySpec: 'dataKeySpec',
  GrantTokens: grantTokens,
  DryRun: dryRun,
} as const

function oneLength(given: Given): Given {
  if ((given.KeySpec === undefined) === (given.NumberOfBytes === undefined))
    throw refusal('ValidationException', 'Please specify either number of bytes or key spec.')
  return {}
}

const keyPair = {
  KeyId: 'keyId',
  KeyPairSpec: as('keyPairSpec', specOf),
  EncryptionContext: 'encryptionContext',
  GrantTokens: grantTokens,
  DryRun: dryRun,
} as const

const signed = {
  KeyId: 'keyId',
  Message: 'message',
  SigningAlgorithm: 'signingAlgorithm',
  MessageType: 'messageType',
  GrantTokens: grantTokens,
  DryRun: dryRun,
} as const

/** A key pair's ciphertext does not say which key and version it is of. */
const materialOfSymmetric: Give = (output, { given }) =>
  (given.EncryptionAlgorithm ?? symmetric) === symmetric ? keyMaterialIdOf(output.keyVersionId as string) : undefined

/** What the operation is given where the caller leaves the ciphertext out, as they may with IGNORE_CIPHERTEXT. */
function ciphertextOf(given: Given, keyMember: string): Given {
  const ignored = ignoresCiphertext(given)
  if (ignored && given.DryRun !== true)
    throw refusal('ValidationException', 'DryRunModifiers can only be used when DryRun is true.')
  if (!ignored && given.CiphertextBlob === undefined)
    throw refusal(
      'ValidationException',
      "1 validation error detected: Value null at 'ciphertextBlob' failed to satisfy constraint: Member must not be null",
    )
  if (!ignored || given.CiphertextBlob !== undefined) return {}
  if (given[keyMember] === undefined)
    throw refusal('ValidationException', `${keyMember} is required with IGNORE_CIPHERTEXT.`)
  return { ciphertextBlob: anyCiphertext }
}

/** Has the shape of a ciphertext and is none: never decrypted, since a dry run that ignores it stops before. */
const anyCiphertext = encodeBase64(
  Buffer.concat([
    encodeHeader({
      algorithm: 0,
      keyId: '00000000-0000-4000-8000-000000000000',
      versionId: '00000000-0000-4000-8000-000000000000',
    }),
    Buffer.alloc(64),
  ]),
)

const dryRunModifiers = heeded('IGNORE_CIPHERTEXT: only rights and the state of the key are looked at')

export const cryptography = {
  Encrypt: {
    operation: byAlgorithm('EncryptionAlgorithm', 'Encrypt', 'AsymmetricEncrypt'),
    aliases: true,
    takes: {
      KeyId: 'keyId',
      Plaintext: 'plaintext',
      EncryptionContext: 'encryptionContext',
      GrantTokens: grantTokens,
      EncryptionAlgorithm: encryptionAlgorithm,
      DryRun: dryRun,
    },
    also: (given) => {
      noContextForPairs(given, 'EncryptionAlgorithm', 'EncryptionContext')
      return algorithmOfPair(given, 'EncryptionAlgorithm')
    },
    gives: {
      CiphertextBlob: base64('ciphertextBlob'),
      KeyId: arnOf('keyId'),
      EncryptionAlgorithm: echoed('EncryptionAlgorithm', symmetric),
    },
  },
  Decrypt: {
    operation: byAlgorithm('EncryptionAlgorithm', 'Decrypt', 'AsymmetricDecrypt'),
    aliases: true,
    takes: {
      CiphertextBlob: 'ciphertextBlob',
      EncryptionContext: 'encryptionContext',
      GrantTokens: grantTokens,
      KeyId: 'keyId',
      EncryptionAlgorithm: encryptionAlgorithm,
      Recipient: recipient,
      DryRun: dryRun,
      DryRunModifiers: dryRunModifiers,
    },
    also: (given) => {
      noContextForPairs(given, 'EncryptionAlgorithm', 'EncryptionContext')
      const algorithm = algorithmOfPair(given, 'EncryptionAlgorithm')
      if ('encryptionAlgorithm' in algorithm && given.KeyId === undefined)
        throw refusal('ValidationException', 'KeyId is required to decrypt with an asymmetric key.')
      return { ...ciphertextOf(given, 'KeyId'), ...algorithm }
    },
    gives: {
      KeyId: arnOf('keyId'),
      Plaintext: base64('plaintext'),
      EncryptionAlgorithm: echoed('EncryptionAlgorithm', symmetric),
      CiphertextForRecipient: forRecipient,
      KeyMaterialId: materialOfSymmetric,
    },
  },
  ReEncrypt: {
    operation: 'ReEncrypt',
    aliases: true,
    takes: {
      DestinationKeyId: 'destinationKeyId',
      CiphertextBlob: 'ciphertextBlob',
      SourceEncryptionContext: 'sourceEncryptionContext',
      SourceKeyId: 'sourceKeyId',
      DestinationEncryptionContext: 'destinationEncryptionContext',
      SourceEncryptionAlgorithm: encryptionAlgorithm,
      DestinationEncryptionAlgorithm: encryptionAlgorithm,
      GrantTokens: grantTokens,
      DryRun: dryRun,
      DryRunModifiers: dryRunModifiers,
    },
    also: (given) => {
      noContextForPairs(given, 'SourceEncryptionAlgorithm', 'SourceEncryptionContext')
      noContextForPairs(given, 'DestinationEncryptionAlgorithm', 'DestinationEncryptionContext')
      const source = algorithmOfPair(given, 'SourceEncryptionAlgorithm', 'sourceEncryptionAlgorithm')
      if ('sourceEncryptionAlgorithm' in source && given.SourceKeyId === undefined)
        throw refusal('ValidationException', 'SourceKeyId is required to decrypt with an asymmetric key.')
      return {
        ...ciphertextOf(given, 'SourceKeyId'),
        ...source,
        ...algorithmOfPair(given, 'DestinationEncryptionAlgorithm', 'destinationEncryptionAlgorithm'),
      }
    },
    gives: {
      CiphertextBlob: base64('ciphertextBlob'),
      SourceKeyId: arnOf('sourceKeyId', 'SourceKeyId'),
      KeyId: arnOf('keyId', 'DestinationKeyId'),
      SourceEncryptionAlgorithm: echoed('SourceEncryptionAlgorithm', symmetric),
      DestinationEncryptionAlgorithm: echoed('DestinationEncryptionAlgorithm', symmetric),
      SourceKeyMaterialId: (output, { given }) =>
        (given.SourceEncryptionAlgorithm ?? symmetric) === symmetric
          ? keyMaterialIdOf(output.sourceKeyVersionId as string)
          : undefined,
      DestinationKeyMaterialId: (output, { given }) =>
        (given.DestinationEncryptionAlgorithm ?? symmetric) === symmetric
          ? keyMaterialIdOf(output.keyVersionId as string)
          : undefined,
    },
  },
  GenerateDataKey: {
    operation: 'GenerateDataKey',
    aliases: true,
    takes: { ...dataKey, Recipient: recipient },
    also: oneLength,
    gives: {
      CiphertextBlob: base64('ciphertextBlob'),
      Plaintext: base64('plaintext'),
      KeyId: arnOf('keyId'),
      CiphertextForRecipient: forRecipient,
      KeyMaterialId: materialIdOf('keyVersionId'),
    },
  },
  GenerateDataKeyWithoutPlaintext: {
    operation: 'GenerateDataKeyWithoutPlaintext',
    aliases: true,
    takes: dataKey,
    also: oneLength,
    gives: {
      CiphertextBlob: base64('ciphertextBlob'),
      KeyId: arnOf('keyId'),
      KeyMaterialId: materialIdOf('keyVersionId'),
    },
  },
  GenerateDataKeyPair: {
    operation: 'GenerateDataKeyPair',
    aliases: true,
    takes: { ...keyPair, Recipient: recipient },
    gives: {
      PrivateKeyCiphertextBlob: base64('privateKeyCiphertextBlob'),
      PrivateKeyPlaintext: base64('privateKeyPlaintext'),
      PublicKey: base64('publicKey'),
      KeyId: arnOf('keyId'),
      KeyPairSpec: (output) => specWord(output.keyPairSpec),
      CiphertextForRecipient: forRecipient,
      KeyMaterialId: materialIdOf('keyVersionId'),
    },
  },
  GenerateDataKeyPairWithoutPlaintext: {
    operation: 'GenerateDataKeyPairWithoutPlaintext',
    aliases: true,
    takes: keyPair,
    gives: {
      PrivateKeyCiphertextBlob: base64('privateKeyCiphertextBlob'),
      PublicKey: base64('publicKey'),
      KeyId: arnOf('keyId'),
      KeyPairSpec: (output) => specWord(output.keyPairSpec),
      KeyMaterialId: materialIdOf('keyVersionId'),
    },
  },
  GenerateRandom: {
    operation: 'GenerateRandom',
    takes: {
      NumberOfBytes: 'numberOfBytes',
      CustomKeyStoreId: refused('Random bytes come from this service, never from a key store of somebody else.'),
      Recipient: recipient,
    },
    also: (given) => {
      if (given.NumberOfBytes === undefined) throw refusal('ValidationException', 'NumberOfBytes is required.')
      return {}
    },
    gives: { Plaintext: base64('plaintext'), CiphertextForRecipient: forRecipient },
  },
  Sign: {
    operation: 'Sign',
    aliases: true,
    takes: signed,
    gives: { KeyId: arnOf('keyId'), Signature: base64('signature'), SigningAlgorithm: 'signingAlgorithm' },
  },
  Verify: {
    operation: 'Verify',
    aliases: true,
    takes: { ...signed, Signature: 'signature' },
    // As AWS: a signature that is not valid is never an answer, so that nobody forgets to look.
    afterwards: (output) => {
      if (output.signatureValid !== true) throw problem('InvalidSignature')
    },
    gives: { KeyId: arnOf('keyId'), SignatureValid: 'signatureValid', SigningAlgorithm: 'signingAlgorithm' },
  },
  GenerateMac: {
    operation: 'GenerateMac',
    aliases: true,
    takes: {
      Message: 'message',
      KeyId: 'keyId',
      MacAlgorithm: 'macAlgorithm',
      GrantTokens: grantTokens,
      DryRun: dryRun,
    },
    gives: { Mac: base64('mac'), MacAlgorithm: 'macAlgorithm', KeyId: arnOf('keyId') },
  },
  VerifyMac: {
    operation: 'VerifyMac',
    aliases: true,
    takes: {
      Message: 'message',
      KeyId: 'keyId',
      MacAlgorithm: 'macAlgorithm',
      Mac: 'mac',
      GrantTokens: grantTokens,
      DryRun: dryRun,
    },
    afterwards: (output) => {
      if (output.macValid !== true) throw problem('InvalidMac')
    },
    gives: { KeyId: arnOf('keyId'), MacValid: 'macValid', MacAlgorithm: 'macAlgorithm' },
  },
  DeriveSharedSecret: {
    operation: 'DeriveSharedSecret',
    aliases: true,
    takes: {
      KeyId: 'keyId',
      KeyAgreementAlgorithm: 'keyAgreementAlgorithm',
      PublicKey: 'publicKey',
      GrantTokens: grantTokens,
      DryRun: dryRun,
      Recipient: recipient,
    },
    gives: {
      KeyId: arnOf('keyId'),
      SharedSecret: base64('sharedSecret'),
      CiphertextForRecipient: forRecipient,
      KeyAgreementAlgorithm: 'keyAgreementAlgorithm',
      KeyOrigin: (output) => (output.origin === undefined ? undefined : originWord(output.origin)),
    },
  },
  Encapsulate: {
    operation: 'Encapsulate',
    aliases: true,
    takes: {
      KeyId: 'keyId',
      EncapsulationAlgorithm: 'encapsulationAlgorithm',
      GrantTokens: grantTokens,
      DryRun: dryRun,
    },
    gives: {
      KeyId: arnOf('keyId'),
      SharedSecret: base64('sharedSecret'),
      SharedSecretCiphertextBlob: base64('ciphertextBlob'),
      EncapsulationAlgorithm: 'encapsulationAlgorithm',
    },
  },
  Decapsulate: {
    operation: 'Decapsulate',
    aliases: true,
    takes: {
      KeyId: 'keyId',
      SharedSecretCiphertextBlob: 'ciphertextBlob',
      EncapsulationAlgorithm: 'encapsulationAlgorithm',
      GrantTokens: grantTokens,
      DryRun: dryRun,
    },
    gives: {
      KeyId: arnOf('keyId'),
      SharedSecret: base64('sharedSecret'),
      EncapsulationAlgorithm: 'encapsulationAlgorithm',
    },
  },
} satisfies Partial<Rows>

function algorithmOfPair(given: Given, member: string, as = 'encryptionAlgorithm'): Given {
  const algorithm = given[member] ?? symmetric
  return algorithm === symmetric ? {} : { [as]: algorithm }
}
