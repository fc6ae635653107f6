// Sets theme and language before the first paint; a file of its own, as the page allows no inline script.
;(function () {
  var root = document.documentElement
  var theme = null
  var lang = null
  try {
    theme = localStorage.getItem('topout.theme')
    lang = localStorage.getItem('topout.lang')
  } catch {
    // no storage: the system's theme and Chinese
  }
  var dark = theme === 'dark' || (theme !== 'light' && matchMedia('(prefers-color-scheme: dark)').matches)
  root.dataset.theme = dark ? 'dark' : 'light'
  if (lang) root.lang = lang
})()
