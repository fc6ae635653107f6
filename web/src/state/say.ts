import { reactive } from 'vue'

/** The short line at the foot of the screen that says what happened. */
export const said = reactive<{ text: string; tone: 'ok' | 'critical'; id: number }>({ text: '', tone: 'ok', id: 0 })

let timer: ReturnType<typeof setTimeout> | undefined

export function say(text: string, tone: 'ok' | 'critical' = 'ok'): void {
  said.text = text
  said.tone = tone
  said.id++
  clearTimeout(timer)
  timer = setTimeout(() => (said.text = ''), tone === 'ok' ? 4000 : 8000)
}
