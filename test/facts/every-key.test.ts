import { after, before, test } from 'node:test'
import { everyKey, everything } from '../every-key.ts'
import { startTestService, type TestService } from '../service.ts'

let service: TestService
before(async () => {
  service = await startTestService()
})
after(() => service.stop())

test('R25 to R27: keys of protection level SOFTWARE, every spec with every operation', (t) =>
  everyKey(t, service, 'SOFTWARE', everything))
