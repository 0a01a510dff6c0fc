/** The commands that wrap `material.bin` with what the first step gave, for a shell. */
export function opensslCommands(algorithm: string): string {
  if (algorithm === 'SM2PKE')
    return 'openssl pkeyutl -encrypt -pubin -keyform DER -inkey wrapping-key.der -in material.bin -out wrapped.bin'
  const hash = algorithm.endsWith('SHA_256') ? 'sha256' : 'sha1'
  const oaep = (from: string, to: string) =>
    `openssl pkeyutl -encrypt -pubin -keyform DER -inkey wrapping-key.der -in ${from} -out ${to} \\
  -pkeyopt rsa_padding_mode:oaep -pkeyopt rsa_oaep_md:${hash} -pkeyopt rsa_mgf1_md:${hash}`
  if (algorithm.startsWith('RSAES_OAEP')) return oaep('material.bin', 'wrapped.bin')
  return `openssl rand -out aes.bin 32
${oaep('aes.bin', 'wrapped-aes.bin')}
openssl enc -id-aes256-wrap-pad -iv A65959A6 -K "$(od -An -v -tx1 aes.bin | tr -d ' \\n')" \\
  -in material.bin -out wrapped-material.bin
cat wrapped-aes.bin wrapped-material.bin > wrapped.bin
rm aes.bin`
}
