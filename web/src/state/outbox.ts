import { computed, reactive } from 'vue'
import { Problem, send } from '@/api/client'
import { recallJSON, remember } from './storage'

/** A record that its author has sent and the server may not have yet. */
export interface Outgoing {
  id: string
  project: string
  login: string
  kind: 'progress' | 'checks'
  label: string
  body: unknown
  /** Set when the server refused it: sending again does not help. */
  refused?: string
}

export const outbox = reactive<{ items: Outgoing[]; sending: boolean }>({
  items: recallJSON<Outgoing[]>('outbox') ?? [],
  sending: false,
})

export const waiting = computed(() => outbox.items.filter((o) => !o.refused))

function keep(): void {
  remember('outbox', outbox.items.length ? JSON.stringify(outbox.items) : null)
}

export function drop(id: string): void {
  outbox.items = outbox.items.filter((o) => o.id !== id)
  keep()
}

export interface Sent<T> {
  status: number
  data: T
}

/**
 * Sends a record. It is kept on this device first, so that nothing typed is lost; the
 * same id goes out again until the server has answered. Null: kept, no network now.
 * A refusal is thrown and the record is not kept: the form still holds it.
 */
export async function dispatch<T>(record: Outgoing): Promise<Sent<T> | null> {
  outbox.items = [...outbox.items.filter((o) => o.id !== record.id), record]
  keep()
  try {
    const answer = await transmit<T>(record)
    drop(record.id)
    return answer
  } catch (err) {
    if (err instanceof Problem && (err.passing || err.status === 401)) return null
    drop(record.id)
    throw err
  }
}

function transmit<T>(record: Outgoing): Promise<Sent<T>> {
  const path = `/projects/${encodeURIComponent(record.project)}/${record.kind}/${record.id}`
  return send<T>('PUT', path, record.body)
}

/** Sends again what waits, in the order written. */
export async function flush(login: string): Promise<number> {
  if (outbox.sending) return 0
  outbox.sending = true
  let done = 0
  try {
    for (const record of waiting.value.filter((o) => o.login === login)) {
      try {
        await transmit(record)
        drop(record.id)
        done++
      } catch (err) {
        if (err instanceof Problem && !err.passing && err.status !== 401) {
          record.refused = err.detail || err.code
          keep()
          continue
        }
        break
      }
    }
  } finally {
    outbox.sending = false
  }
  return done
}
