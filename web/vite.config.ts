import { fileURLToPath, URL } from 'node:url'
import { baseCompile } from '@intlify/message-compiler'
import vue from '@vitejs/plugin-vue'
import { defineConfig } from 'vitest/config'
import type { Plugin } from 'vite'

/** Compiles the messages at build time, so that the browser needs no message compiler (and no eval). */
function messages(): Plugin {
  type Tree = { [key: string]: string | Tree }
  const compile = (node: Tree): object =>
    Object.fromEntries(
      Object.entries(node).map(([key, value]) => [
        key,
        typeof value === 'string' ? baseCompile(value, { jit: true, location: false }).ast : compile(value),
      ]),
    )
  return {
    name: 'topout-messages',
    enforce: 'pre',
    transform(code, id) {
      if (!/\/src\/locales\/[\w-]+\.json$/.test(id)) return
      return { code: `export default ${JSON.stringify(compile(JSON.parse(code)))}`, map: null, moduleType: 'js' }
    },
  }
}

const server = process.env.TOPOUT_API ?? 'http://127.0.0.1:8080'

export default defineConfig({
  plugins: [messages(), vue()],
  define: {
    __VUE_OPTIONS_API__: 'false',
    __VUE_PROD_DEVTOOLS__: 'false',
    __VUE_I18N_LEGACY_API__: 'false',
    __VUE_I18N_FULL_INSTALL__: 'false',
    __INTLIFY_PROD_DEVTOOLS__: 'false',
    __INTLIFY_DROP_MESSAGE_COMPILER__: 'true',
  },
  resolve: {
    alias: { '@': fileURLToPath(new URL('./src', import.meta.url)) },
  },
  build: {
    target: ['es2020', 'chrome87', 'safari14', 'firefox78'],
    modulePreload: { polyfill: false },
    assetsInlineLimit: 0,
  },
  server: { proxy: { '/api': server } },
  test: { include: ['src/**/*.test.ts'] },
})
