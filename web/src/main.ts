import { createApp } from 'vue'
import { I18nT } from 'vue-i18n'
import App from './App.vue'
import { whenSignedOut } from './api/client'
import { router } from './router'
import { firstLanguage, i18n, setLanguage } from './state/language'
import { forget } from './state/session'
import { startTheme } from './state/theme'
import './styles/tokens.css'
import './styles/base.css'

startTheme()
whenSignedOut(() => {
  forget()
  const here = router.currentRoute.value
  if (here.name !== 'sign-in') void router.replace({ name: 'sign-in', query: { then: here.fullPath } })
})

void setLanguage(firstLanguage()).then(() =>
  createApp(App).component('I18nT', I18nT).use(i18n).use(router).mount('#app'),
)
