/** The certificate that the service makes for itself on first start, so that HTTPS works before anybody has bought one. */
import 'reflect-metadata'
import { webcrypto } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import type { Config } from './config.ts'
import { problem } from './domain/errors.ts'
import { dayMs, type Instant } from './domain/time.ts'

export type TlsFiles = { readonly cert: Buffer; readonly key: Buffer; readonly certPath: string; readonly own: boolean }

/** Longer is refused by some clients (825 days, Apple and others). */
const validDays = 820

export async function tlsFiles(config: Pick<Config, 'data' | 'tlsCert' | 'tlsKey'>, now: Instant): Promise<TlsFiles> {
  const { tlsCert, tlsKey } = config
  if ((tlsCert === undefined) !== (tlsKey === undefined))
    throw problem('InvalidRequest', {
      message: 'tls_cert and tls_key go together; one of them is missing.',
      mend: 'Set both, or neither.',
    })
  if (tlsCert !== undefined && tlsKey !== undefined)
    return { cert: read(tlsCert), key: read(tlsKey), certPath: tlsCert, own: false }
  const folder = join(config.data, 'tls')
  const certPath = join(folder, 'cert.pem')
  const keyPath = join(folder, 'key.pem')
  if (!existsSync(certPath) || !existsSync(keyPath)) {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
    const { cert, key } = await selfSigned(now)
    writeFileSync(keyPath, key, { mode: 0o600 })
    writeFileSync(certPath, cert, { mode: 0o644 })
  }
  return { cert: read(certPath), key: read(keyPath), certPath, own: true }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (error) {
    throw problem('InvalidRequest', {
      message: `${path} cannot be read: ${(error as Error).message}`,
      mend: 'Mend tls_cert and tls_key.',
    })
  }
}

async function selfSigned(now: Instant): Promise<{ readonly cert: string; readonly key: string }> {
  const x509 = await import('@peculiar/x509')
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name: `CN=Keyward on ${hostname().replace(/[^A-Za-z0-9.-]/g, '')}`,
      notBefore: new Date(now - dayMs),
      notAfter: new Date(now + validDays * dayMs),
      signingAlgorithm: algorithm,
      keys,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
        new x509.SubjectAlternativeNameExtension([
          { type: 'dns', value: 'localhost' },
          { type: 'dns', value: hostname() },
          { type: 'ip', value: '127.0.0.1' },
          { type: 'ip', value: '::1' },
        ]),
        await x509.SubjectKeyIdentifierExtension.create(keys.publicKey),
      ],
    },
    webcrypto as never,
  )
  const pkcs8 = Buffer.from(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey))
  return { cert: `${certificate.toString('pem')}\n`, key: x509.PemConverter.encode(pkcs8, 'PRIVATE KEY') }
}
