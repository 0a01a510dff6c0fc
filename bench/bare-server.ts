/** What node:http can do at best: parses a JSON body and answers one of the size of Encrypt's. The yardstick of the bench. */
import { createServer } from 'node:http'

const answer = { keyId: '0'.repeat(36), keyVersionId: '0'.repeat(36), ciphertextBlob: 'A'.repeat(148) }
const server = createServer((incoming, outgoing) => {
  const chunks: Buffer[] = []
  incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
  incoming.on('end', () => {
    JSON.parse(Buffer.concat(chunks).toString('utf8'))
    const body = JSON.stringify(answer)
    outgoing.writeHead(200, { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(body) })
    outgoing.end(body)
  })
})
server.listen(0, '127.0.0.1', () => {
  process.stdout.write(`${JSON.stringify({ port: (server.address() as { port: number }).port })}\n`)
})
