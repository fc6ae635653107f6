import AxeBuilder from '@axe-core/playwright'
import { desk, expect, phone, project, test } from './server'

const screens = {
  today: `/p/${project}/today`,
  check: `/p/${project}/today/check/temporary-power`,
  report: `/p/${project}/today/report`,
  timeline: `/p/${project}/timeline`,
  issues: `/p/${project}/issues`,
  sensors: `/p/${project}/sensors`,
  limits: `/p/${project}/limits`,
  me: `/p/${project}/me`,
  refused: `/p/${project}/me/refused`,
  people: `/p/${project}/me/people`,
  settings: `/p/${project}/me/settings`,
}

for (const [name, size] of [
  ['phone', phone],
  ['desk', desk],
] as const)
  for (const [lang, theme] of [
    ['zh-CN', 'light'],
    ['en', 'dark'],
  ] as const)
    test(`every screen is sound on a ${name} in ${lang}, ${theme}`, async ({ browser, site }) => {
      test.setTimeout(180_000)
      const page = await site.open(browser, 'admin', '/', { size, lang, theme })
      const trouble: string[] = []
      page.on('pageerror', (e) => trouble.push(e.message))
      page.on('console', (m) => m.type() === 'error' && trouble.push(m.text()))
      for (const [screen, path] of Object.entries(screens)) {
        await page.goto(path)
        await expect(page.locator('h1')).toBeVisible()
        await expect(page.locator('.skeleton')).toHaveCount(0)
        const wide = await page.evaluate(() => document.documentElement.scrollWidth - window.innerWidth)
        expect(wide, `${screen} is wider than the screen`).toBeLessThanOrEqual(0)
        const { violations } = await new AxeBuilder({ page }).analyze()
        expect(
          violations.map(
            (v) =>
              `${screen} ${v.id}: ${v.nodes
                .map((n) => n.target.join(' '))
                .slice(0, 3)
                .join(' | ')}`,
          ),
        ).toEqual([])
        if (size === phone) {
          const small = await page.evaluate(() =>
            [...document.querySelectorAll<HTMLElement>('main button, main input, main select, .tabs a')]
              .filter((e) => e.offsetParent !== null && e.offsetHeight < 44 && !e.matches('[type=checkbox]'))
              .map((e) => `${e.tagName} ${e.textContent?.trim()} ${e.offsetHeight}`),
          )
          expect(small, `${screen} has targets under 44 px`).toEqual([])
        }
      }
      expect(trouble).toEqual([])
    })

test('signing in: wrong password says so, the right one goes where one wanted to', async ({ browser, site }) => {
  const context = await browser.newContext({ baseURL: site.url, ...phone })
  const page = await context.newPage()
  await page.goto(`/p/${project}/issues`)
  await expect(page).toHaveURL(/sign-in/)
  expect((await new AxeBuilder({ page }).analyze()).violations).toEqual([])
  await page.getByLabel('账号').fill('safety')
  await page.getByLabel('密码').fill('nonsense')
  await page.getByRole('button', { name: '登录' }).click()
  await expect(page.getByRole('alert')).toContainText('密码')
  await page.getByLabel('密码').fill('wenyuan-demo')
  await page.getByRole('button', { name: '登录' }).click()
  await expect(page).toHaveURL(new RegExp(`/p/${project}/issues`))
  await page.getByRole('link', { name: '我的' }).click()
  await page.getByRole('button', { name: '退出登录' }).click()
  await expect(page).toHaveURL(/sign-in/)
  await page.goto(`/p/${project}/timeline`)
  await expect(page).toHaveURL(/sign-in/)
  await context.close()
})

test('each role begins with its own question', async ({ browser, site }) => {
  for (const [login, screen] of [
    ['supervisor', 'today'],
    ['safety', 'issues'],
    ['owner', 'timeline'],
  ] as const) {
    const page = await site.open(browser, login, '/', { size: phone })
    await expect(page).toHaveURL(new RegExp(`/p/${project}/${screen}`))
    await page.context().close()
  }
})

test('the language can be changed and stays', async ({ browser, site }) => {
  const context = await browser.newContext({ ...phone, baseURL: site.url })
  await context.request.post('/api/v1/sessions', { data: { login: 'viewer', password: 'wenyuan-demo' } })
  const page = await context.newPage()
  await page.goto(`/p/${project}/me`)
  await page.getByRole('button', { name: 'English' }).click()
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible()
  await page.reload()
  await expect(page.getByRole('button', { name: 'Sign out' })).toBeVisible()
  expect(await page.evaluate(() => document.documentElement.lang)).toBe('en')
  await context.close()
})

test('the first load stays within 150 KB', async ({ browser, site }) => {
  const page = await site.open(browser, 'owner', '/sign-in')
  const client = await page.context().newCDPSession(page)
  await client.send('Network.enable')
  await client.send('Network.setCacheDisabled', { cacheDisabled: true })
  let bytes = 0
  client.on('Network.loadingFinished', (e) => (bytes += e.encodedDataLength))
  const data: number[] = []
  page.on('response', (r) => {
    if (r.url().includes('/api/')) data.push(Number(r.headers()['content-length'] ?? 0))
  })
  await page.goto(`/p/${project}/timeline`)
  await expect(page.locator('.name-row').first()).toBeVisible()
  expect(bytes - data.reduce((sum, n) => sum + n, 0)).toBeLessThan(150 * 1024)
})
