import { expect, phone, project, test } from './server'
import type { Page } from '@playwright/test'

interface Timeline {
  buildings: {
    id: string
    tasks: { id: string; name: string; percent: number; actual_start: string | null; actual_finish: string | null }[]
  }[]
}

async function activeTask(page: Page) {
  const answer = await page.request.get(`/api/v1/projects/${project}/timeline`)
  const data = (await answer.json()) as Timeline
  for (const building of data.buildings)
    for (const task of building.tasks)
      if (task.actual_start && !task.actual_finish && task.percent > 5 && task.percent < 80)
        return { building: building.id, ...task }
  throw new Error('the demo has no task in progress')
}

test('the timeline answers first, draws bars and opens a task', async ({ browser, site }) => {
  const page = await site.open(browser, 'owner', `/p/${project}/timeline`)
  await expect(page.locator('h1')).toContainText('交付')
  await expect(page.locator('h1')).toContainText('滞后')
  await expect(page.locator('rect.baseline').first()).toBeAttached()
  await expect(page.locator('rect.late').first()).toBeAttached()
  await expect(page.locator('path.today')).toBeAttached()

  const chart = page.getByRole('treegrid')
  await chart.focus()
  await page.keyboard.press('End')
  await page.keyboard.press('Home')
  await page.locator('h1 a').click()
  const panel = page.locator('aside')
  await expect(panel).toContainText('为什么滞后')
  await expect(panel.getByRole('row')).not.toHaveCount(0)
  await expect(page.locator('.links .mine').first()).toBeAttached()

  for (const zoom of ['日', '周', '季', '月']) {
    await page.getByRole('button', { name: zoom, exact: true }).click()
    await expect(page.locator('.minor').first()).toBeVisible()
  }
})

test('the keyboard walks and opens', async ({ browser, site }) => {
  const page = await site.open(browser, 'owner', `/p/${project}/timeline`)
  const chart = page.getByRole('treegrid')
  await expect(page.locator('.name-row').first()).toBeVisible()
  await chart.focus()
  await page.keyboard.press('ArrowLeft')
  await expect(page.locator('.name-row.milestones')).toHaveAttribute('aria-expanded', 'false')
  await page.keyboard.press('ArrowRight')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await expect(page.locator('aside')).toBeVisible()
})

test('a report moves the bar on another screen, and its author can withdraw it', async ({ browser, site }) => {
  const watcher = await site.open(browser, 'owner', `/p/${project}/timeline`)
  const task = await activeTask(watcher)
  await watcher.getByPlaceholder('查找工序').fill(task.id)
  const bar = watcher.locator(`rect.filled[data-task="${task.id}"]`)
  await expect(bar).toBeAttached()
  const before = Number(await bar.getAttribute('width'))

  const worker = await site.open(browser, 'supervisor', `/p/${project}/today/report/${task.id}`, { size: phone })
  await expect(worker.getByRole('slider')).toBeVisible()
  for (let i = 0; i < 3; i++) await worker.getByRole('button', { name: '加 5%' }).click()
  await worker.getByLabel('说明').fill('两个班组同时作业')
  await worker.getByRole('button', { name: '提交' }).click()
  await expect(worker.getByText('填报已送达')).toBeVisible()

  await expect.poll(async () => Number(await bar.getAttribute('width'))).toBeGreaterThan(before)

  await worker.getByRole('link', { name: '今日' }).last().click()
  const mine = worker.locator('li.mine').first()
  await expect(mine).toContainText(task.name)
  await mine.getByRole('button', { name: '撤回' }).click()
  const dialog = worker.getByRole('dialog')
  await dialog.getByLabel('为什么撤回').fill('看错了楼层')
  await dialog.getByRole('button', { name: '撤回' }).click()
  await expect(worker.locator('li.mine').first()).toContainText('看错了楼层')
  await expect.poll(async () => Number(await bar.getAttribute('width'))).toBeLessThanOrEqual(before + 0.5)
})

test('what is typed without a network is kept and sent once it is back', async ({ browser, site }) => {
  const page = await site.open(browser, 'supervisor', '/', { size: phone })
  const task = await activeTask(page)
  await page.goto(`/p/${project}/today/report/${task.id}`)
  await expect(page.getByRole('slider')).toBeVisible()
  await page.getByRole('button', { name: '加 5%' }).click()
  await page.context().setOffline(true)
  await page.getByRole('button', { name: '提交' }).click()
  await expect(page.getByText('已保存在本机')).toBeVisible()
  await page.context().setOffline(false)
  await expect(page.getByText('已补发 1 条记录')).toBeVisible()
  const kept = await page.evaluate(() => localStorage.getItem('topout.outbox'))
  expect(kept).toBeNull()
})

test('a failed check opens an issue, which goes through the loop to its end', async ({ browser, site }) => {
  test.setTimeout(90_000)
  const worker = await site.open(browser, 'supervisor', `/p/${project}/today/check/temporary-power`, { size: phone })
  await expect(worker.getByRole('heading', { level: 1 })).toContainText('0 /')
  const total = await worker.locator('.steps li').count()
  for (let i = 0; i < total; i++) {
    await worker.locator('.steps button').nth(i).click()
    if (i === 0) {
      await worker.getByRole('button', { name: '不合格', exact: true }).click()
      await worker.getByLabel('什么问题、在哪里').fill('3# 箱缺少末级保护')
    } else await worker.getByRole('button', { name: '合格', exact: true }).click()
  }
  await worker.reload() // a draft survives
  await expect(worker.getByRole('button', { name: '提交检查' })).toBeVisible()
  await worker.getByLabel('单体').selectOption({ index: 1 })
  await worker.getByRole('button', { name: '提交检查' }).click()
  await expect(worker.getByText('检查已送达')).toBeVisible()
  await expect(worker.locator('.score')).toHaveText(/\d/)
  const href = await worker.locator('.result li a').first().getAttribute('href')
  expect(href).toContain('/issues/')

  const safety = await site.open(browser, 'safety', href ?? '')
  const move = async (page: Page, name: string, fill?: (dialog: ReturnType<Page['getByRole']>) => Promise<unknown>) => {
    await page.locator('.moves').getByRole('button', { name, exact: true }).click()
    const dialog = page.getByRole('dialog')
    if (fill) await fill(dialog)
    await dialog.getByRole('button', { name, exact: true }).click()
    await expect(dialog).toHaveCount(0)
  }
  await move(safety, '研判确认')
  await move(safety, '交办', async (dialog) => {
    await dialog.getByLabel('责任人').selectOption('supervisor')
    await dialog.getByLabel('说明').fill('今天整改')
  })
  await worker.goto(href ?? '')
  await move(worker, '开始整改')
  await move(worker, '反馈完成', (dialog) => dialog.getByLabel('说明').fill('已加装'))
  await expect(safety.locator('.moves').getByRole('button', { name: '销号' })).toBeVisible()
  await move(safety, '退回整改', (dialog) => dialog.getByLabel('说明').fill('标签没贴'))
  await expect(worker.locator('.moves').getByRole('button', { name: '反馈完成' })).toBeVisible()
  await move(worker, '反馈完成')
  await expect(safety.locator('.moves').getByRole('button', { name: '销号' })).toBeVisible()
  await move(safety, '销号', (dialog) => dialog.getByLabel('说明').fill('复查合格'))
  await expect(safety.locator('.history').first()).toContainText('已销号')
})

test('an issue can be opened by hand', async ({ browser, site }) => {
  const page = await site.open(browser, 'supervisor', `/p/${project}/issues`, { size: phone })
  await page.getByRole('button', { name: '上报问题' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('什么问题').fill('北门道路积水')
  await dialog.getByRole('button', { name: '上报', exact: true }).click()
  await expect(page.getByRole('heading', { name: '北门道路积水' })).toBeVisible()
})

test('a sensor shows its curve with the limits; limits can be changed and reset', async ({ browser, site }) => {
  const page = await site.open(browser, 'safety', `/p/${project}/sensors`)
  await expect(page.locator('.tile').first()).toBeVisible()
  await page.locator('.tile:not(.silent)').first().click()
  const detail = page.locator('article.detail')
  await expect(detail.locator('canvas')).toBeVisible()
  await detail.getByRole('button', { name: '7 天' }).click()
  await expect(detail.getByRole('img')).toHaveAttribute('aria-label', /\d/)

  await page.goto(`/p/${project}/limits`)
  const rule = page.locator('.rule').first()
  await rule.getByRole('button').click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel(/警告/).fill('55')
  await dialog.getByRole('button', { name: '保存' }).click()
  await expect(rule).toContainText('本项目修改')
  await rule.getByRole('button').click()
  await page.getByRole('dialog').getByRole('button', { name: '恢复默认' }).click()
  await expect(rule).not.toContainText('本项目修改')
})

test('an unknown device is registered from its refused messages; its secret is shown once; it is revoked', async ({
  browser,
  site,
}) => {
  const page = await site.open(browser, 'admin', `/p/${project}/me/refused`)
  await page.getByRole('button', { name: '登记设备并补收' }).first().click()
  const dialog = page.getByRole('dialog')
  const id = await dialog.getByLabel('设备编号').inputValue()
  await dialog.getByLabel('设备类型').selectOption('dust')
  await dialog.getByLabel('名称').fill('北门扬尘监测')
  await dialog.getByRole('button', { name: '登记设备' }).click()
  await expect(dialog.getByText('只显示这一次')).toBeVisible()
  await expect(dialog.getByText(/已补收 \d+ 条/)).toBeVisible()
  const secret = await dialog.getByLabel('密钥').inputValue()
  expect(secret.length).toBeGreaterThan(10)
  await dialog
    .getByRole('button', { name: '我已保存好' })
    .or(dialog.getByRole('button', { name: '已保存好' }))
    .click()
  await expect(page.getByText(/已补收/).first()).toBeVisible()

  await page.goto(`/p/${project}/sensors/${id}`)
  await expect(page.getByRole('heading', { name: '北门扬尘监测' })).toBeVisible()
  await page.getByRole('button', { name: '更换密钥' }).click()
  await page.getByRole('dialog').getByRole('button', { name: '更换密钥' }).click()
  await expect(page.getByRole('dialog').getByLabel('密钥')).not.toHaveValue(secret)
  await page.getByRole('dialog').getByRole('button', { name: '已保存好' }).click()
  await page.getByRole('button', { name: '停用设备' }).click()
  await page.getByRole('dialog').getByRole('button', { name: '停用设备' }).click()
  await expect(page.getByText('不能再连接')).toBeVisible()
})

test('people: added with a password, disabled, and cut off', async ({ browser, site }) => {
  const page = await site.open(browser, 'admin', `/p/${project}/me/people`)
  await page.getByRole('button', { name: '添加人员' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('账号').fill('e2e-person')
  await dialog.getByLabel('姓名').fill('测试员')
  await dialog.getByRole('button', { name: '保存' }).click()
  const made = await page.getByRole('dialog').getByLabel('密钥').inputValue()
  await page.getByRole('dialog').getByRole('button', { name: '已保存好' }).click()

  const other = await browser.newContext({ baseURL: site.url })
  const answer = await other.request.post('/api/v1/sessions', { data: { login: 'e2e-person', password: made } })
  expect(answer.status()).toBe(201)
  await page.getByRole('button', { name: '修改 测试员' }).click()
  await page.getByRole('button', { name: '停用账号' }).click()
  await expect(page.getByText('所有连接已断开')).toBeVisible()
  expect((await other.request.get('/api/v1/me')).status()).toBe(401)
  await other.close()
})
