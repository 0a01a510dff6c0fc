/**
 * What differs between PKCS#11 modules, a row each. A new HSM is a row here; what a row does not say is tried at start
 * (capabilities.ts), never believed. Numbers are CKM_ and CKA_ values, for the vendors' own are in no table of names.
 */
import process from 'node:process'
import { Misconfigured } from './faults.ts'

export type VendorName = 'softhsm2' | 'nss' | 'tpm2' | 'luna' | 'cloudhsm'

/** Kinds of work by how long they take where the module computes in this CPU. */
export type Work = 'AES' | 'HMAC' | 'ECDSA on P-256' | 'slow'

export type Vendor = {
  readonly name: string
  /** Where its packages put the module; the configuration may name another place. */
  readonly modulePath: string
  /** Were these facts tried against the thing itself, in this project's tests? */
  readonly tested: boolean
  /**
   * AES key wrap with padding (RFC 5649). The number 0x210A means that in one module, PKCS#7 and RFC 3394 in another.
   * Undefined of what cannot hold the hardware level, and can unlock the software level all the same.
   */
  readonly keyWrapMechanism: number | undefined
  /** `CK_GCM_PARAMS` before PKCS#11 2.40 errata 1 lacks `ulIvBits`: each module takes only the one it was compiled with. */
  readonly gcmParameters: 'without-iv-bits' | 'with-iv-bits'
  /** Who draws the nonce of AES-GCM. In FIPS mode some devices draw it themselves and write it over the one given. */
  readonly gcmNonce: 'service' | 'device'
  /**
   * What is shorter than a hand-over to a thread, or not much longer, since it is computed in this CPU: called in place.
   * Nothing of a device behind a wire, where one call would hold up all others.
   */
  readonly inPlace: readonly Work[]
  /** Attributes without which the module does not unwrap an EC private key; their value is the point of the public key. */
  readonly ecPointAttributes: readonly number[]
  /** Variables of the environment that the module reads. No others reach the agent. */
  readonly environment: readonly string[]
}

export function keyWrap({ name, keyWrapMechanism }: Vendor): number {
  if (keyWrapMechanism !== undefined) return keyWrapMechanism
  throw new Misconfigured(`${name} wraps no keys: it can unlock the software level (root_unlock_hsm), and no more`)
}

/** Debian's name for the machine's architecture. */
const multiarch = process.arch === 'arm64' ? 'aarch64-linux-gnu' : 'x86_64-linux-gnu'

export const vendors: Readonly<Record<VendorName, Vendor>> = {
  softhsm2: {
    name: 'SoftHSM 2',
    modulePath: '/usr/lib/softhsm/libsofthsm2.so',
    tested: true,
    keyWrapMechanism: 0x210a,
    gcmParameters: 'without-iv-bits',
    gcmNonce: 'service',
    inPlace: ['AES', 'HMAC', 'ECDSA on P-256'],
    ecPointAttributes: [],
    environment: ['SOFTHSM2_CONF'],
  },
  nss: {
    name: 'NSS softokn',
    modulePath: `/usr/lib/${multiarch}/libsoftokn3.so`,
    tested: true,
    keyWrapMechanism: 0x210b,
    gcmParameters: 'with-iv-bits',
    gcmNonce: 'service',
    inPlace: ['AES', 'HMAC'],
    // CKA_NSS_DB: the name under which NSS files a private key.
    ecPointAttributes: [0xd5a0db00],
    environment: [],
  },
  tpm2: {
    name: 'TPM 2.0 (tpm2-pkcs11)',
    modulePath: `/usr/lib/${multiarch}/libtpm2_pkcs11.so.1`,
    tested: true,
    keyWrapMechanism: undefined,
    gcmParameters: 'with-iv-bits',
    gcmNonce: 'service',
    inPlace: [],
    ecPointAttributes: [],
    environment: ['TPM2_PKCS11_STORE', 'TPM2_PKCS11_TCTI', 'TSS2_LOG', 'DBUS_SESSION_BUS_ADDRESS'],
  },
  // From the makers' documents alone: no such device was at hand. docs/operating/hsm.md says how to try one.
  luna: {
    name: 'Thales Luna Network HSM 7',
    modulePath: '/usr/safenet/lunaclient/lib/libCryptoki2_64.so',
    tested: false,
    // CKM_AES_KWP, vendor-defined: the standard number came to Luna later.
    keyWrapMechanism: 0x80000171,
    gcmParameters: 'with-iv-bits',
    gcmNonce: 'service',
    inPlace: [],
    ecPointAttributes: [],
    environment: ['ChrystokiConfigurationPath'],
  },
  cloudhsm: {
    name: 'AWS CloudHSM (client SDK 5)',
    modulePath: '/opt/cloudhsm/lib/libcloudhsm_pkcs11.so',
    tested: false,
    // CKM_CLOUDHSM_AES_KEY_WRAP_ZERO_PAD = CKM_VENDOR_DEFINED | 0x216F.
    keyWrapMechanism: 0x8000216f,
    gcmParameters: 'with-iv-bits',
    gcmNonce: 'device',
    inPlace: [],
    ecPointAttributes: [],
    environment: [],
  },
}
