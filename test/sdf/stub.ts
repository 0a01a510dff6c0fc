/** The stub of an SDF library (stub.c): compiled anew for each run, with the switches that make it fail. */
import { spawnSync } from 'node:child_process'
import { dlopen } from 'node:ffi'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Why there can be no stub on this machine; undefined where there can. In strict mode that is a failure. */
export function missing(): string | undefined {
  if (spawnSync('gcc', ['--version']).status === 0) return undefined
  const reason = 'gcc is not installed, and the stub of an SDF device is in C'
  if (process.env.KEYWARD_TEST_STRICT === '1') throw new Error(reason)
  return reason
}

export type Stub = {
  readonly libraryPath: string
  readonly directory: string
  /** The next call of this function gives this code; with 0, it says SDR_OK and does nothing. */
  failNext(name: string, code: number): void
  /** The next length that is given is this one. */
  lieLength(length: number): void
  /** Devices (hundreds), sessions (tens) and keys (ones) that are open. */
  open(): number
  remove(): void
}

export function buildStub(): Stub {
  const directory = mkdtempSync(join(tmpdir(), 'keyward-sdf-'))
  const libraryPath = join(directory, 'libsdf.so')
  compile(join(import.meta.dirname, 'stub.c'), libraryPath)
  // Opened for good: its counters outlive the sessions of the tests.
  const { functions } = dlopen(libraryPath, {
    stub_fail_next: { arguments: ['string', 'int32'], return: 'void' },
    stub_lie_length: { arguments: ['uint32'], return: 'void' },
    stub_open: { arguments: [], return: 'int32' },
  } as const)
  return {
    libraryPath,
    directory,
    failNext: (name, code) => functions.stub_fail_next(name, code),
    lieLength: (length) => functions.stub_lie_length(length),
    open: () => functions.stub_open(),
    remove: () => rmSync(directory, { recursive: true, force: true }),
  }
}

export function compile(source: string, libraryPath: string): void {
  const { status, stderr } = spawnSync(
    'gcc',
    [
      '-std=c11',
      '-O1',
      '-Wall',
      '-Wextra',
      '-Werror',
      '-Wno-unused-parameter',
      '-shared',
      '-fPIC',
      '-o',
      libraryPath,
      source,
    ],
    { encoding: 'utf8' },
  )
  if (status !== 0) throw new Error(stderr)
}
