/**
 * Terraform with the AWS provider: apply, no drift, destroy. It takes minutes and a provider of half a gigabyte, so it
 * runs where KEYWARD_TEST_TERRAFORM_PLUGINS names the folder of plugins (`terraform providers mirror`), and is skipped
 * aloud elsewhere; what the provider asked in such a run is asked again, everywhere, by terraform-recorded.test.ts.
 */
import assert from 'node:assert/strict'
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { promisify } from 'node:util'
import { startTestService, testAccount } from '../service.ts'

const run = promisify(execFile)

const configuration = (endpoint: string) => `
terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}
provider "aws" {
  region = "eu-central-1"
  skip_metadata_api_check = true
  skip_region_validation = true
  endpoints {
    kms = "${endpoint}"
    sts = "${endpoint}"
  }
}
provider "aws" {
  alias = "there"
  region = "us-east-1"
  skip_metadata_api_check = true
  endpoints {
    kms = "${endpoint}"
    sts = "${endpoint}"
  }
}
data "aws_caller_identity" "me" {}
resource "aws_kms_key" "main" {
  description             = "by Terraform"
  enable_key_rotation     = true
  rotation_period_in_days = 180
  deletion_window_in_days = 7
  tags = { team = "red" }
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid = "root", Effect = "Allow", Action = "kms:*", Resource = "*"
      Principal = { AWS = "arn:aws:iam::\${data.aws_caller_identity.me.account_id}:root" }
    }]
  })
}
resource "aws_kms_alias" "main" {
  name          = "alias/terraform"
  target_key_id = aws_kms_key.main.key_id
}
resource "aws_kms_grant" "main" {
  name              = "job"
  key_id            = aws_kms_key.main.key_id
  grantee_principal = data.aws_caller_identity.me.arn
  operations        = ["Encrypt", "Decrypt"]
  constraints {
    encryption_context_equals = { tenant = "a" }
  }
}
resource "aws_kms_key" "signing" {
  customer_master_key_spec = "ECC_NIST_P256"
  key_usage                = "SIGN_VERIFY"
  deletion_window_in_days  = 7
}
data "aws_kms_public_key" "signing" {
  key_id = aws_kms_key.signing.arn
}
resource "aws_kms_key" "spread" {
  multi_region            = true
  deletion_window_in_days = 7
}
resource "aws_kms_replica_key" "spread" {
  provider                = aws.there
  description             = "the copy"
  primary_key_arn         = aws_kms_key.spread.arn
  deletion_window_in_days = 7
}
resource "aws_kms_external_key" "own" {
  key_material_base64     = "${Buffer.alloc(32, 7).toString('base64')}"
  deletion_window_in_days = 7
  enabled                 = true
}
resource "aws_kms_ciphertext" "sealed" {
  key_id    = aws_kms_key.main.key_id
  plaintext = "hello"
  context   = { tenant = "a" }
}
output "account" {
  value = data.aws_caller_identity.me.account_id
}
`

test('Terraform makes keys, aliases, grants and replicas, sees no drift, and takes them away', async (context) => {
  const plugins = process.env.KEYWARD_TEST_TERRAFORM_PLUGINS
  if (plugins === undefined) {
    context.skip('KEYWARD_TEST_TERRAFORM_PLUGINS names no folder of Terraform plugins')
    return
  }
  const service = await startTestService()
  const folder = mkdtempSync(join(tmpdir(), 'keyward-terraform-'))
  const environment = {
    PATH: process.env.PATH,
    HOME: process.env.HOME,
    AWS_ACCESS_KEY_ID: service.accessKeyId,
    AWS_SECRET_ACCESS_KEY: service.secretAccessKey,
    CHECKPOINT_DISABLE: '1',
    TF_IN_AUTOMATION: '1',
  }
  const terraform = (...words: readonly string[]) => run('terraform', words, { cwd: folder, env: environment })
  try {
    writeFileSync(join(folder, 'main.tf'), configuration(service.url))
    await terraform('init', '-no-color', `-plugin-dir=${plugins}`)
    await terraform('apply', '-auto-approve', '-no-color')
    // Exit code 2 would say that something differs from what was applied.
    await terraform('plan', '-detailed-exitcode', '-no-color')
    const { stdout } = await terraform('output', '-raw', 'account')
    assert.equal(stdout, testAccount)
    await terraform('destroy', '-auto-approve', '-no-color')
  } finally {
    rmSync(folder, { recursive: true, force: true })
    await service.stop()
  }
})
