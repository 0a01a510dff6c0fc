/** A TCP link on loopback that fails at a chosen moment: a request that never arrives, or arrives late; a lost answer. */
import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

export type FaultyLink = {
  readonly url: string
  /** The next request with this text is carried out; its answer is lost with the connection. */
  loseAnswersWith(text: string): void
  /** The next request with this text is lost with the connection. */
  loseRequestsWith(text: string): void
  /** The next request with this text is held back while the client loses the connection. */
  delayRequestsWith(text: string): void
  /** Lets through what was held back, and waits until the server has dealt with it. */
  deliverDelayed(): Promise<void>
  /** From now on no connection that is open brings anything back. */
  muteOpen(): void
  /** Nor takes anything there. */
  stallOpen(): void
  /** Whoever connects from now on is cut off at once; `acceptNew` ends that. */
  refuseNew(): void
  acceptNew(): void
  /** All connections that are open break. */
  cutOpen(): void
  /** How often a fault has happened. */
  faults(): number
  close(): Promise<void>
}

type Fault = { readonly kind: 'answer' | 'request' | 'delay'; readonly text: string }

export async function faultyLink(port: number): Promise<FaultyLink> {
  let fault: Fault | undefined
  let faults = 0
  const delayed: { readonly upstream: Socket; readonly bytes: Buffer }[] = []
  const sockets = new Set<Socket>()
  const muted = new Set<Socket>()
  const stalled = new Set<Socket>()
  let refusing = false

  const server = createServer((client) => {
    if (refusing) {
      client.destroy()
      return
    }
    const upstream = connect(port, '127.0.0.1')
    let answers = true
    let open = true
    for (const socket of [client, upstream]) {
      sockets.add(socket)
      socket.on('error', () => {})
      socket.on('close', () => sockets.delete(socket))
    }
    client.on('close', () => {
      if (open) upstream.end()
    })
    upstream.on('close', () => client.destroy())
    upstream.on('data', (bytes) => {
      if (answers && !muted.has(upstream)) client.write(bytes)
      else if (!muted.has(upstream)) client.destroy()
    })
    client.on('data', (chunk) => {
      if (stalled.has(client)) return
      const bytes = Buffer.from(chunk)
      if (fault === undefined || !bytes.includes(fault.text)) {
        upstream.write(bytes)
        return
      }
      const { kind } = fault
      fault = undefined
      faults++
      answers = false
      if (kind === 'answer') upstream.write(bytes)
      else if (kind === 'request') client.destroy()
      else {
        open = false
        delayed.push({ upstream, bytes })
        client.destroy()
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address() as { port: number }
  return {
    url: `postgres://keyward@127.0.0.1:${address.port}/postgres`,
    loseAnswersWith: (text) => {
      fault = { kind: 'answer', text }
    },
    loseRequestsWith: (text) => {
      fault = { kind: 'request', text }
    },
    delayRequestsWith: (text) => {
      fault = { kind: 'delay', text }
    },
    deliverDelayed: async () => {
      for (const { upstream, bytes } of delayed.splice(0)) {
        const answered = once(upstream, 'data')
        upstream.write(bytes)
        await answered
        await wait(50)
        upstream.destroy()
      }
    },
    muteOpen: () => {
      for (const socket of sockets) muted.add(socket)
    },
    stallOpen: () => {
      for (const socket of sockets) {
        muted.add(socket)
        stalled.add(socket)
      }
    },
    refuseNew: () => {
      refusing = true
    },
    acceptNew: () => {
      refusing = false
    },
    cutOpen: () => {
      for (const socket of sockets) socket.destroy()
    },
    faults: () => faults,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
