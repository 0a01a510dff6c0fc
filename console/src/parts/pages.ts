/** Lists that go on: a page is asked for only when somebody wants to see it. */
import { useInfiniteQuery } from '@tanstack/react-query'
import { type AnyWire, call, type Endpoint, type InputOf, type OutputOf } from '../api/client.ts'

type Paged = { readonly nextMarker?: string | undefined }

export function usePages<Op extends AnyWire>(of: Endpoint<Op>, input: InputOf<Op>) {
  return useInfiniteQuery({
    queryKey: [of.name, input],
    queryFn: ({ pageParam }) => call(of, at(input, pageParam)),
    initialPageParam: undefined as string | undefined,
    getNextPageParam: (last: OutputOf<Op>) => (last as Paged).nextMarker,
  })
}

/** One page after the other, up to so many; and whether that was all. */
export async function allPages<Op extends AnyWire>(
  of: Endpoint<Op>,
  input: InputOf<Op>,
  mostPages: number,
  onPage?: (page: OutputOf<Op>) => void,
): Promise<{ readonly pages: readonly OutputOf<Op>[]; readonly complete: boolean }> {
  const pages: OutputOf<Op>[] = []
  let marker: string | undefined
  do {
    const page = await call(of, at(input, marker))
    pages.push(page)
    onPage?.(page)
    marker = (page as Paged).nextMarker
  } while (marker !== undefined && pages.length < mostPages)
  return { pages, complete: marker === undefined }
}

function at<Input>(input: Input, marker: string | undefined): Input {
  return marker === undefined ? input : { ...input, marker }
}
