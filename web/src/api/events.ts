import { onScopeDispose, ref, type Ref } from 'vue'
import { get } from './client'

export type EventKind = 'progress' | 'check' | 'issue' | 'slip' | 'plan' | 'device'
const kinds: EventKind[] = ['progress', 'check', 'issue', 'slip', 'plan', 'device']

export interface Change {
  project: string
  ref: string
  at: string
}

type Listener = (kind: EventKind, change: Change) => void

/** The one stream of a project's changes; it is open while anybody listens. */
class Stream {
  readonly connected = ref(false)
  private source: EventSource | undefined
  private readonly listeners = new Set<Listener>()
  private again: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly project: string) {}

  add(listener: Listener): () => void {
    this.listeners.add(listener)
    if (!this.source) this.open()
    return () => {
      this.listeners.delete(listener)
      if (this.listeners.size === 0) this.close()
    }
  }

  private open(): void {
    const source = new EventSource(`/api/v1/events?project=${encodeURIComponent(this.project)}`)
    this.source = source
    source.onopen = () => {
      this.connected.value = true
    }
    source.onerror = () => {
      this.connected.value = false
      if (source.readyState !== EventSource.CLOSED) return
      // The server refused: perhaps we are signed out, which /me finds out.
      this.close()
      void get('/me').catch(() => undefined)
      this.again = setTimeout(() => this.listeners.size > 0 && this.open(), 5000)
    }
    for (const kind of kinds)
      source.addEventListener(kind, (event: MessageEvent<string>) => {
        let change: Change
        try {
          change = JSON.parse(event.data) as Change
        } catch {
          return
        }
        for (const listener of this.listeners) listener(kind, change)
      })
  }

  private close(): void {
    clearTimeout(this.again)
    this.source?.close()
    this.source = undefined
    this.connected.value = false
  }
}

const streams = new Map<string, Stream>()

/**
 * Calls back once after a burst of changes of the given kinds; stops with the component.
 * The ref that it gives says whether the stream stands.
 */
export function useLive(project: string, wanted: EventKind[], then: () => void, wait = 300): Ref<boolean> {
  let stream = streams.get(project)
  if (!stream) {
    stream = new Stream(project)
    streams.set(project, stream)
  }
  let timer: ReturnType<typeof setTimeout> | undefined
  const remove = stream.add((kind) => {
    if (!wanted.includes(kind)) return
    // The first change starts the wait; a steady stream cannot put it off for ever.
    timer ??= setTimeout(() => {
      timer = undefined
      then()
    }, wait)
  })
  onScopeDispose(() => {
    clearTimeout(timer)
    remove()
  })
  return stream.connected
}
