import assert from 'node:assert/strict'
import { test } from 'node:test'
import { operations } from '../../src/operations/index.ts'

test('what deletes, changes rights, imports or exports keys, or makes a way in, takes a step-up at the console', () => {
  const sharp =
    /^(?:Delete|Schedule|Export|Import)|^Put\w*Policy$|^Create(?:Token|AccessKey|Account|SetupCode|Grant)$|^(?:UpdatePrincipal|ApproveImport|GenerateAndExportDataKey)$/
  assert.deepEqual(
    operations
      .filter(({ stepUp }) => stepUp)
      .map(({ name }) => name)
      .sort(),
    operations
      .filter(({ name }) => sharp.test(name))
      .map(({ name }) => name)
      .sort(),
  )
})
