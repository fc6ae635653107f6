import { test as base, type Browser, type BrowserContext, type Page } from '@playwright/test'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = dirname(fileURLToPath(import.meta.url))
const binary = process.env.TOPOUT_BIN ?? join(here, '../../bin/topout')

export const password = 'wenyuan-demo'
export const project = 'wenyuan'
export const phone = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true }
export const desk = { viewport: { width: 1440, height: 900 } }

export interface Site {
  url: string
  /** A page of somebody who is signed in. */
  open(browser: Browser, login: string, path: string, options?: Visit): Promise<Page>
}

export interface Visit {
  size?: typeof desk | typeof phone
  lang?: 'zh-CN' | 'en'
  theme?: 'light' | 'dark'
}

/** The whole app with its own data folder on free ports; ready when it says so. */
async function start(): Promise<{ url: string; stop: () => Promise<void> }> {
  const data = await mkdtemp(join(tmpdir(), 'topout-e2e-'))
  const child: ChildProcess = spawn(binary, ['serve', '--demo'], {
    env: { ...process.env, TOPOUT_DATA: data, TOPOUT_HTTP: '127.0.0.1:0', TOPOUT_MQTT_LISTEN: '127.0.0.1:0' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let said = ''
  const url = await new Promise<string>((resolve, reject) => {
    const take = (chunk: Buffer) => {
      said += chunk.toString()
      const at = /^web (http:\/\/\S+)/m.exec(said)
      if (at?.[1] && /^ready/m.test(said)) resolve(at[1])
    }
    child.stdout?.on('data', take)
    child.stderr?.on('data', take)
    child.on('error', reject)
    child.on('exit', (code) => reject(new Error(`topout ended with ${code}:\n${said}`)))
  })
  return {
    url,
    stop: async () => {
      const gone = new Promise((resolve) => child.once('exit', resolve))
      child.kill('SIGTERM')
      await gone
      await rm(data, { recursive: true, force: true })
    },
  }
}

export const test = base.extend<object, { site: Site }>({
  site: [
    async ({}, use) => {
      const running = await start()
      const contexts: BrowserContext[] = []
      await use({
        url: running.url,
        async open(browser, login, path, { size = desk, lang = 'zh-CN', theme = 'light' } = {}) {
          const context = await browser.newContext({ ...size, baseURL: running.url })
          contexts.push(context)
          await context.addInitScript(
            ([l, t]) => {
              localStorage.setItem('topout.lang', l ?? '')
              localStorage.setItem('topout.theme', t ?? '')
            },
            [lang, theme],
          )
          const answer = await context.request.post('/api/v1/sessions', { data: { login, password } })
          if (!answer.ok()) throw new Error(`sign in as ${login}: ${answer.status()}`)
          const page = await context.newPage()
          await page.goto(path)
          return page
        },
      })
      for (const context of contexts) await context.close()
      await running.stop()
    },
    { scope: 'worker', timeout: 60_000 },
  ],
})

export { expect } from '@playwright/test'
