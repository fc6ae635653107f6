import { ref, watch } from 'vue'
import { recall, remember } from './storage'

export const themes = ['auto', 'light', 'dark'] as const
export type Theme = (typeof themes)[number]

export const theme = ref<Theme>(themes.find((t) => t === recall('theme')) ?? 'auto')
/** Grows when the colours changed, for what is painted on a canvas. */
export const paint = ref(0)

const systemDark = matchMedia('(prefers-color-scheme: dark)')

function apply(): void {
  const dark = theme.value === 'dark' || (theme.value === 'auto' && systemDark.matches)
  document.documentElement.dataset.theme = dark ? 'dark' : 'light'
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', dark ? '#131517' : '#f5f4f1')
  paint.value++
}

export function startTheme(): void {
  apply()
  systemDark.addEventListener('change', apply)
  // Paper is light.
  window.addEventListener('beforeprint', () => (document.documentElement.dataset.theme = 'light'))
  window.addEventListener('afterprint', apply)
  watch(theme, (value) => {
    remember('theme', value === 'auto' ? null : value)
    apply()
  })
}
