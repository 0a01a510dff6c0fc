/** Certificates for tests that need a server with TLS. Valid for a day. */
import 'reflect-metadata'
import * as x509 from '@peculiar/x509'

export type CertificateAuthority = {
  /** PEM. */
  readonly certificate: string
  /** For a server of this name or address. */
  issue(host: string): Promise<{ readonly certificate: string; readonly privateKey: string }>
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }

export async function certificateAuthority(): Promise<CertificateAuthority> {
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const validity = { notBefore: new Date(Date.now() - 60_000), notAfter: new Date(Date.now() + 86_400_000) }
  const root = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: 'CN=Test authority',
    keys,
    signingAlgorithm: algorithm,
    extensions: [new x509.BasicConstraintsExtension(true, undefined, true)],
  })
  return {
    certificate: root.toString('pem'),
    issue: async (host) => {
      const serverKeys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
      const certificate = await x509.X509CertificateGenerator.create({
        ...validity,
        subject: 'CN=Test server',
        issuer: root.subject,
        publicKey: serverKeys.publicKey,
        signingKey: keys.privateKey,
        signingAlgorithm: algorithm,
        extensions: [
          new x509.SubjectAlternativeNameExtension([{ type: /^[0-9.]+$/.test(host) ? 'ip' : 'dns', value: host }]),
        ],
      })
      const privateKey = await crypto.subtle.exportKey('pkcs8', serverKeys.privateKey)
      return {
        certificate: certificate.toString('pem'),
        privateKey: x509.PemConverter.encode(privateKey, 'PRIVATE KEY'),
      }
    },
  }
}
