/** The names of all operations, as the service documents them. */
import { useQuery } from '@tanstack/react-query'

type OpenApi = { readonly paths: Readonly<Record<string, Readonly<Record<string, { readonly operationId?: string }>>>> }

export function useOperationNames(): readonly string[] {
  const { data } = useQuery({
    queryKey: ['operation-names'],
    queryFn: async () => {
      const document = (await (await fetch('/v1/openapi.json')).json()) as OpenApi
      return Object.values(document.paths)
        .flatMap((methods) => Object.values(methods).flatMap(({ operationId }) => operationId ?? []))
        .sort()
    },
    staleTime: Number.POSITIVE_INFINITY,
    retry: false,
  })
  return data ?? []
}
