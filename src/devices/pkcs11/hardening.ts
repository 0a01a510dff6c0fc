import { dlopen } from 'node:ffi'

// linux/prctl.h, bits/resource.h, dlfcn.h
const PR_SET_PDEATHSIG = 1
const PR_SET_DUMPABLE = 4
const PR_SET_NO_NEW_PRIVS = 38
const SIGKILL = 9n
const RLIMIT_CORE = 4
const RTLD_NOW = 2
const RTLD_DEEPBIND = 8

/**
 * What the agent does before it is told the PIN. Linux only; elsewhere the operating system must see to it.
 * Not dumpable: no core file, and no other process of the same user reads its memory or attaches to it. It dies with the
 * service, even while it hangs in the module.
 */
export function hardenProcess(): void {
  if (process.platform !== 'linux') return
  const { functions } = dlopen(null, {
    prctl: { arguments: ['int32', 'uint64', 'uint64', 'uint64', 'uint64'], return: 'int32' },
    setrlimit: { arguments: ['int32', 'buffer'], return: 'int32' },
  } as const)
  const noCore = Buffer.alloc(16)
  const failed = [
    functions.setrlimit(RLIMIT_CORE, noCore),
    functions.prctl(PR_SET_DUMPABLE, 0n, 0n, 0n, 0n),
    functions.prctl(PR_SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n),
    functions.prctl(PR_SET_PDEATHSIG, SIGKILL, 0n, 0n, 0n),
  ].some((result) => result !== 0)
  if (failed) throw new Error('the HSM agent cannot shield its memory (prctl, setrlimit)')
}

/**
 * Opens the module so that it takes its own libraries' symbols before Node's. Node exports its OpenSSL, and a module that
 * was linked against another one would otherwise run half of each: softhsm2 binds 220 functions wrongly. Once opened so,
 * pkcs11js gets this same copy. Where the C library has no such flag, the module is opened as it is.
 */
export function openApart(modulePath: string): void {
  if (process.platform !== 'linux') return
  const { functions } = dlopen(null, {
    dlopen: { arguments: ['string', 'int32'], return: 'pointer' },
  } as const)
  if (functions.dlopen(modulePath, RTLD_NOW | RTLD_DEEPBIND) === 0n)
    throw new Error(`the module ${modulePath} cannot be loaded`)
}
