import { nextTick } from 'vue'
import { createI18n } from 'vue-i18n'
import { recall, remember } from './storage'

export const languages = ['zh-CN', 'en'] as const
export type Language = (typeof languages)[number]

export const i18n = createI18n({
  legacy: false,
  locale: 'zh-CN' as string,
  fallbackLocale: 'zh-CN',
  messages: {},
})

const loaders: Record<Language, () => Promise<{ default: object }>> = {
  'zh-CN': () => import('@/locales/zh-CN.json'),
  en: () => import('@/locales/en.json'),
}

export function currentLanguage(): Language {
  return i18n.global.locale.value as Language
}

export function knownLanguage(text: string | null | undefined): Language | null {
  return languages.find((l) => l === text) ?? null
}

/** The language to begin with: what was chosen on this device, else Chinese. */
export function firstLanguage(): Language {
  return knownLanguage(recall('lang')) ?? 'zh-CN'
}

export async function setLanguage(language: Language): Promise<void> {
  if (!i18n.global.availableLocales.includes(language)) {
    const messages = await loaders[language]()
    i18n.global.setLocaleMessage(language, messages.default as never)
  }
  i18n.global.locale.value = language
  document.documentElement.lang = language
  remember('lang', language)
  await nextTick()
}
