import { currentLanguage } from '@/state/language'

/** An answer of the server that says no, after RFC 9457; status 0 is "no network". */
export class Problem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly field = '',
  ) {
    super(detail || code || String(status))
  }

  get offline(): boolean {
    return this.status === 0
  }

  /** Whether sending the same again later can help. */
  get passing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

export interface Answer<T> {
  status: number
  data: T
}

type SignedOut = () => void
let onSignedOut: SignedOut = () => {}

/** What to do when the server no longer knows us. */
export function whenSignedOut(then: SignedOut): void {
  onSignedOut = then
}

interface Problematic {
  code?: string
  detail?: string
  title?: string
  field?: string
  errors?: { location?: string; message?: string }[]
}

export async function send<T>(
  method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<Answer<T>> {
  let response: Response
  try {
    response = await fetch(`/api/v1${path}`, {
      method,
      credentials: 'same-origin',
      headers: {
        Accept: 'application/json',
        'Accept-Language': currentLanguage(),
        ...(body === undefined ? {} : { 'Content-Type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ...(signal ? { signal } : {}),
    })
  } catch (err) {
    if (err instanceof DOMException && err.name === 'AbortError') throw err
    throw new Problem(0, 'offline', '')
  }
  const text = await response.text()
  let data: unknown = null
  try {
    data = text === '' ? null : JSON.parse(text)
  } catch {
    // a proxy's page; the status says enough
  }
  if (response.ok) return { status: response.status, data: data as T }
  const p = (data ?? {}) as Problematic
  const first = p.errors?.[0]
  const problem = new Problem(
    response.status,
    p.code ?? '',
    p.detail ?? first?.message ?? p.title ?? '',
    p.field ?? first?.location ?? '',
  )
  if (response.status === 401 && path !== '/sessions') onSignedOut()
  throw problem
}

export async function get<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await send<T>('GET', path, undefined, signal)).data
}

/** A path of a project, with its parts escaped. */
export function inProject(project: string, ...parts: string[]): string {
  return ['/projects', project, ...parts].map((p, i) => (i === 0 ? p : encodeURIComponent(p))).join('/')
}

/** A query of the values that are set. */
export function query(values: Record<string, string | number | boolean | undefined>): string {
  const q = new URLSearchParams()
  for (const [k, v] of Object.entries(values)) if (v !== undefined && v !== '') q.set(k, String(v))
  const text = q.toString()
  return text === '' ? '' : `?${text}`
}

/** All pages of a list, at most `max` items. */
export async function all<T>(path: string, max = 1000, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = []
  let cursor = ''
  do {
    const sep = path.includes('?') ? '&' : '?'
    const page = await get<{ items: T[] | null; next?: string }>(
      cursor ? `${path}${sep}cursor=${encodeURIComponent(cursor)}` : path,
      signal,
    )
    items.push(...(page.items ?? []))
    cursor = page.next ?? ''
  } while (cursor !== '' && items.length < max)
  return items
}
