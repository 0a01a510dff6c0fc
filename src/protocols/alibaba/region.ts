/**
 * The resource pool a request is for (R66): the parameter RegionId where it is given, since it is signed; else the name of
 * the host, as this cloud's endpoints have it; else the region that the service is set to.
 */
import { problem } from '../../domain/errors.ts'
import { regionPattern } from '../../domain/scope.ts'
import { type HttpRequest, header } from '../http.ts'
import type { Parameters } from './parameters.ts'

/** `kms.cn-hangzhou.aliyuncs.com`, `kms-vpc.cn-hangzhou.example.com`: a region has a hyphen, a company's name rarely. */
const regionalHost = /^kms(?:-vpc|-internal)?\.([a-z][a-z0-9]*(?:-[a-z0-9]+)+)\./

export function regionOf(request: Pick<HttpRequest, 'headers'>, parameters: Parameters, fallback: string): string {
  const named = parameters.get('RegionId')
  if (named !== undefined && named !== '') {
    if (named.length > 64 || !regionPattern.test(named))
      throw problem('InvalidRequest', {
        member: 'RegionId',
        message: 'The region is not a valid name.',
        mend: 'Lower-case letters, digits and hyphens.',
      })
    return named
  }
  const region = regionalHost.exec(header(request, 'host') ?? '')?.[1]
  return region !== undefined && region.length <= 64 ? region : fallback
}
