/** sm-crypto 0.5 brings no types: as much of it as the tests ask. Keys, messages and ciphertexts are hex strings. */
declare module 'sm-crypto' {
  type SignatureOptions = {
    readonly hash: boolean
    readonly der: boolean
    readonly userId: string
    readonly publicKey: string
  }
  const smCrypto: {
    readonly sm2: {
      doSignature(message: string, privateKey: string, options: SignatureOptions): string
      doVerifySignature(message: string, signature: string, publicKey: string, options: SignatureOptions): boolean
      /** Mode 1 is C1 C3 C2, without the leading 04. */
      doEncrypt(message: string, publicKey: string, mode: 1): string
      doDecrypt(ciphertext: string, privateKey: string, mode: 1): string
    }
  }
  // biome-ignore lint/style/noDefaultExport: it is what the package exports.
  export default smCrypto
}
