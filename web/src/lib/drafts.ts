import type { CheckAnswer } from '@/api/types'

export interface CheckDraft {
  id: string
  building: string
  answers: Record<string, CheckAnswer>
}

interface Item {
  code: string
  max: number
  min_value: number | null
  max_value: number | null
}

/** Whether a measured value keeps the item's limits. */
export function keeps(item: Item, value: number): boolean {
  if (item.min_value != null && value < item.min_value) return false
  return !(item.max_value != null && value > item.max_value)
}

/** The first item without an answer, from `after` on and round; -1 when all are answered. */
export function nextOpen(items: readonly Item[], answers: Record<string, CheckAnswer>, after: number): number {
  for (let i = 1; i <= items.length; i++) {
    const at = (after + i) % items.length
    const item = items[at]
    if (item && !answers[item.code]) return at
  }
  return -1
}

/** The items to send, in the form's order. */
export function answered(items: readonly Item[], answers: Record<string, CheckAnswer>): CheckAnswer[] {
  return items.flatMap((i) => {
    const a = answers[i.code]
    if (!a) return []
    const out: CheckAnswer = { code: i.code, result: a.result }
    if (a.result === 'fail' && a.deduct !== undefined) out.deduct = a.deduct
    if (a.value !== undefined && a.result !== 'na') out.value = a.value
    if (a.note?.trim()) out.note = a.note.trim()
    return [out]
  })
}
