// A stand-in for the server while screens are drawn: node dev/mock.mjs, then npm run dev.
// It keeps nothing and checks nothing; the browser tests drive the real binary.
import { createServer } from 'node:http'

const dayMs = 86_400_000
const day = (n) => new Date(Date.UTC(2026, 2, 2) + n * dayMs).toISOString().slice(0, 10)
const today = Math.floor((Date.now() - Date.UTC(2026, 2, 2)) / dayMs)
const ago = (s) => new Date(Date.now() - s * 1000).toISOString()
let seed = 7
const random = () => (seed = (seed * 16807) % 2147483647) / 2147483647

const buildings = ['小学部教学楼', '初中部教学楼', '初中实验楼', '食堂', '宿舍楼', '实验楼', '图书馆（北）', '图书馆（南）', '体育中心', '行政楼', '室外工程']
const works = [
  ['土方开挖', '01', '土方'], ['地基与基础', '01', '土建'], ['一层主体结构', '02', '钢筋'], ['二层主体结构', '02', '钢筋'],
  ['屋面模板支架', '02', '模板'], ['屋面混凝土浇筑', '02', '混凝土'], ['二次结构砌筑', '03', '砌筑'], ['屋面防水', '04', '防水'],
  ['给排水安装', '05', '安装'], ['电气安装', '06', '安装'], ['外墙保温涂料', '03', '装修'], ['室内装饰装修', '03', '装修'],
  ['智能化', '07', '弱电'], ['竣工验收', '09', '项目部'],
]
const tasks = []
const links = []
buildings.forEach((b, bi) => {
  let at = bi * 6
  works.forEach(([w, code, trade], wi) => {
    const d = 14 + Math.floor(random() * 22)
    const slip = (bi === 7 && wi >= 4) || (bi === 8 && wi >= 6) ? 9 + Math.floor(random() * 8) : random() > 0.85 ? 3 : 0
    const start = at + (slip > 3 ? slip - 4 : 0)
    const finish = at + d + slip
    const id = `B${bi + 1}-${String(wi + 1).padStart(2, '0')}`
    const done = finish < today - 3
    const going = !done && start <= today
    tasks.push({
      id, name: `${b}${w}`, code, trade, building: `b${bi + 1}`, baseline_start: day(at), baseline_finish: day(at + d),
      actual_start: done || going ? day(start) : null, actual_finish: done ? day(finish) : null,
      forecast_start: day(start), forecast_finish: day(finish),
      percent: done ? 100 : going ? Math.min(95, Math.round((100 * (today - start)) / (finish - start))) : 0,
      slip_days: slip, total_float: slip > 3 ? 0 : 12, critical: bi === 7 || slip > 8,
      cause: slip ? [{ task: id, days: slip - 2, reason: 'material', issue: 'i1', last_report: ago(86400 * 9), by: 'supervisor' }, { task: 'B8-04', days: 2, reason: 'weather', issue: '' }] : [],
      last_report: going ? ago(86400 * (bi === 7 ? 9 : 1)) : null, stale_days: bi === 7 ? 9 : 1, quantity: wi === 6 ? 1200 : 0, unit: wi === 6 ? 'm³' : '',
    })
    if (wi > 0) links.push({ pred: `B${bi + 1}-${String(wi).padStart(2, '0')}`, succ: id, type: wi % 4 === 3 ? 'SS' : 'FS', lag_days: 0 })
    at += Math.round(d * 0.86)
  })
})
const milestones = [['M1', '主体封顶', 150, 0], ['M2', '图书馆南侧封顶', 265, 13], ['M3', '竣工交付', 430, 9]].map(([id, name, at, slip]) => ({
  id, name, baseline: day(at), forecast: day(at + slip), p50: day(at + slip), p80: day(at + slip + 5), slip_days: slip,
}))
const timeline = () => ({
  as_of: new Date().toISOString(), data_date: day(today), project_start: day(0),
  delivery: { baseline: day(430), forecast: day(439), p50: day(440), p80: day(444), slip_days: 9, since: day(today - 12), stale_days: 0, cause: [{ task: 'B8-05', days: 7, reason: 'material', issue: 'i1' }] },
  buildings: buildings.map((name, i) => {
    const mine = tasks.filter((t) => t.building === `b${i + 1}`)
    return { id: `b${i + 1}`, name, percent: mine.reduce((s, t) => s + t.percent, 0) / mine.length, slip_days: i === 7 ? 13 : i === 8 ? 9 : 0, tasks: mine }
  }),
  milestones, links,
  holidays: [{ from: day(60), to: day(64), name: '劳动节' }, { from: day(213), to: day(219), name: '国庆节' }, { from: day(290), to: day(345), name: '冬歇' }, ...Array.from({ length: 70 }, (_, i) => ({ from: day(6 + i * 7), to: day(6 + i * 7), name: '' }))],
})

const forms = [
  ['daily-safety', '日常安全检查', 'Daily safety', ['安全帽、安全带佩戴', '临边洞口防护到位', '脚手架连墙件齐全', '消防器材有效', '材料堆放整齐']],
  ['temporary-power', '临时用电检查', 'Temporary power', ['三级配电两级保护', '漏电动作电流', '接地电阻', '电缆无破损']],
  ['work-at-height', '高处作业检查', 'Work at height', ['栏杆高度', '踢脚板', '安全网', '水平生命线']],
  ['leader-on-duty', '领导带班检查', 'Leader on duty', ['带班记录', '重点部位巡查']],
].map(([id, name, name_en, items]) => ({
  id, version: 1, name, name_en, source: 'JGJ 59-2011',
  items: items.map((text, i) => ({ code: `${id}-${i + 1}`, text, text_en: '', max: 10, guarantee: i < 2, unit: text.includes('电流') ? 'mA' : text.includes('电阻') ? 'Ω' : '', min_value: null, max_value: text.includes('电流') ? 30 : text.includes('电阻') ? 4 : null })),
}))
const checks = [{ id: 'c1', checklist: 'daily-safety', version: 1, building: 'b8', t: ago(7200), by: 'supervisor', score: 92, grade: '优良', passed: true, failed_items: 1, issues: [], withdrawn: null }]
const progress = [{ id: 'p1', task: 'B8-05', t: ago(9000), arrived: ago(9000), skew_seconds: 0, percent: 45, quantity: null, workers: 18, note: '钢管明天到', reason: 'material', by: 'supervisor', door: 'api', withdrawn: null }]
const issue = (id, kind, severity, state, title, extra) => ({ id, key: id, kind, severity, state, title, detail: '', task: '', device: '', building: '', opened_at: ago(86400), opened_by: 'topout', due: null, overdue: false, assignee: '', stop_work: false, reason: '', moves: [], ...extra })
const issues = [
  issue('i1', 'blocking', 'critical', 'assigned', '图书馆南侧屋面模板：钢管未到场', { task: 'B8-05', due: ago(86400), overdue: true, assignee: 'supervisor', stop_work: true, reason: 'material', moves: [{ to: 'assessed', by: 'safety', at: ago(80000), note: '', photos: [] }, { to: 'assigned', by: 'owner', at: ago(70000), note: '今天内落实到货时间', assignee: 'supervisor', due: ago(86400), photos: [] }] }),
  issue('i2', 'reading', 'warning', 'open', '1号塔机力矩 93%，超过限值 90%', { device: 'crane-1', detail: '当前值 93%，限值 90%。', opened_at: ago(600) }),
  issue('i3', 'silence', 'warning', 'open', '南区配电箱 2 小时无数据', { device: 'box-2', opened_at: ago(7000) }),
  issue('i4', 'slip', 'warning', 'assessed', '图书馆（南）屋面混凝土浇筑滞后 12 天', { task: 'B8-06' }),
  issue('i5', 'check_failed', 'warning', 'reported', '临边洞口防护不到位', { building: 'b9', assignee: 'supervisor', due: new Date(Date.now() + 2 * dayMs).toISOString() }),
  issue('i6', 'person', 'info', 'open', '食堂北侧道路积水', { opened_by: 'owner' }),
]
const dev = (id, kind, name, place, last, extra) => ({ id, kind, name, place, building: '', status: 'online', last_seen: ago(12), silent: false, silent_after_seconds: 600, revoked_at: null, last: last.map(([metric, unit, value, level, limits]) => ({ metric, unit, value, level, t: ago(12), limits: (limits ?? []).map(([severity, limit]) => ({ severity, limit, op: '>=' })) })), ...extra })
const devices = [
  dev('crane-1', 'tower_crane', '1号塔机', '图书馆南侧', [['moment_percent', '%', 93, 'warning', [['warning', 90], ['critical', 100]]], ['wind_speed', 'm/s', 6.2, '', [['warning', 10.8], ['critical', 12]]], ['load', 't', 2.4, '']]),
  dev('crane-2', 'tower_crane', '2号塔机', '体育中心', [['moment_percent', '%', 41, '', [['warning', 90], ['critical', 100]]], ['wind_speed', 'm/s', 5.8, '']]),
  dev('dust-1', 'dust', '扬尘监测站', '东门', [['pm10', 'µg/m³', 64, '', [['warning', 80]]], ['noise', 'dB(A)', 58, ''], ['pm25', 'µg/m³', 31, '']]),
  dev('form-1', 'formwork', '屋面高支模', '图书馆南侧一层', [['settlement', 'mm', 5.1, '', [['warning', 6.4], ['critical', 8]]], ['axial_percent', '%', 62, '']]),
  dev('box-2', 'distribution_box', '南区二级箱', '食堂南', [['leakage', 'mA', 12, '', [['warning', 24], ['critical', 30]]], ['cable_temperature', '°C', 38, '']], { silent: true, status: 'offline', last_seen: ago(7300) }),
  dev('mass-1', 'mass_concrete', '筏板测温', '体育中心', [['core_temperature', '°C', 47.2, '', [['warning', 60]]], ['surface_temperature', '°C', 31, '']]),
]
const rules = [['tower_crane', 'moment_percent', '%', [['warning', 90], ['critical', 100]], 'JGJ 276'], ['tower_crane', 'wind_speed', 'm/s', [['warning', 10.8], ['critical', 12]], 'GB 5144'], ['dust', 'pm10', 'µg/m³', [['warning', 80]], 'DB13/2934'], ['formwork', 'settlement', 'mm', [['warning', 6.4], ['critical', 8]], '默认']]
  .map(([kind, metric, unit, levels, source]) => ({ kind, metric, unit, op: '>=', levels: levels.map(([severity, limit]) => ({ severity, limit })), hysteresis: 2, hold_seconds: 0, source, default: true }))
const refused = [{ id: 'r1', t: ago(300), door: 'mqtt', topic: 'topout/v1/wenyuan/readings/crane-9', reason: '未知设备 crane-9', code: 'ingest.unknown_device', device: 'crane-9', payload: '{"t":1763800000000,"values":{"wind_speed":8.1}}', taken_at: null }]
const people = [['admin', '管理员', 'admin'], ['owner', '王建国', 'owner'], ['supervisor', '李明', 'supervisor'], ['safety', '赵芳', 'safety'], ['viewer', '陈涛', 'viewer']].map(([login, name, role]) => ({ login, name, role, roles: { wenyuan: role }, mail: '', disabled: false }))
const project = () => ({ id: 'wenyuan', name: '文源学校', zone: 'Asia/Shanghai', phase: 'under_construction', grade: '', light: 'amber', light_why: '', baseline_finish: day(430), forecast_finish: day(439), p50: day(440), p80: day(444), slip_days: 9, percent: 61.4, check_by: '18:00', daily_checks: forms.map((f) => f.id), calendar: { days_a_week: 6, holidays: 'CN', off: [] }, my_role: 'admin', open_issues: { info: 1, warning: 4, critical: 1 } })

let who = 'admin'
const streams = new Set()
const tell = (event, ref) => streams.forEach((s) => s.write(`event: ${event}\ndata: ${JSON.stringify({ project: 'wenyuan', ref, at: ago(0) })}\n\n`))
const list = (items) => ({ items, next: '' })
const routes = [
  ['POST /sessions', (b) => ((who = b.login), { login: who, name: who })],
  ['DELETE /sessions', () => ({})],
  ['GET /me', () => ({ ...people.find((p) => p.login === who), mail_from: 'warning', lang: 'zh-CN', admin: who === 'admin' })],
  ['GET /projects', () => list([project()])],
  ['GET /projects/wenyuan', project],
  ['GET /projects/wenyuan/plan', () => ({ revision: 1, buildings: buildings.map((name, i) => ({ id: `b${i + 1}`, name })), tasks })],
  ['GET /projects/wenyuan/timeline', timeline],
  ['GET /projects/wenyuan/curve', () => ({ items: [], spi: 0.97, spi_t: 0.94, earned_schedule_days: 1, planned_days: 1 })],
  ['GET /projects/wenyuan/today', () => ({ day: day(today), working: true, check_by: '18:00', owed: forms.map((f) => ({ checklist: f.id, name: f.name, name_en: f.name_en, due: ago(-7200), done: checks.find((c) => c.checklist === f.id) ?? null })), tasks: tasks.filter((t) => t.actual_start && !t.actual_finish) })],
  ['GET /projects/wenyuan/checklists', () => list(forms)],
  ['GET /projects/wenyuan/progress', (_b, _m, q) => list(progress.filter((p) => !q.get('task') || p.task === q.get('task')))],
  ['PUT /projects/wenyuan/progress/(.+)', (b, m) => {
    const t = tasks.find((x) => x.id === b.task)
    t.percent = b.percent
    progress.unshift({ ...b, id: m[1], by: who, withdrawn: null, quantity: null, note: b.note ?? '', reason: b.reason ?? '', workers: b.workers ?? null })
    tell('progress', b.task)
    return progress[0]
  }],
  ['POST /projects/wenyuan/(progress|checks)/(.+)/withdraw', (b, m) => ([...progress, ...checks].find((x) => x.id === m[2]).withdrawn = { by: who, why: b.why, at: ago(0) })],
  ['GET /projects/wenyuan/checks', () => list(checks)],
  ['PUT /projects/wenyuan/checks/(.+)', (b, m) => {
    const failed = b.items.filter((i) => i.result === 'fail')
    const made = failed.map((f, n) => issue(`i${issues.length + n + 1}`, 'check_failed', 'warning', 'open', `不合格：${f.code}`, {}))
    issues.unshift(...made)
    checks.unshift({ ...b, id: m[1], version: 1, by: who, score: 100 - failed.length * 10, grade: failed.length ? '合格' : '优良', passed: true, failed_items: failed.length, issues: made.map((i) => i.id), withdrawn: null })
    return checks[0]
  }],
  ['GET /projects/wenyuan/issues', (_b, _m, q) => list(issues.filter((i) => (i.state === 'closed') !== (q.get('open') === 'true') && (!q.get('task') || i.task === q.get('task')) && (!q.get('device') || i.device === q.get('device'))))],
  ['POST /projects/wenyuan/issues', (b) => (issues.unshift(issue(`i${issues.length + 1}`, b.kind, b.severity, 'open', b.title, b)), issues[0])],
  ['GET /projects/wenyuan/issues/([^/]+)', (_b, m) => issues.find((i) => i.id === m[1])],
  ['POST /projects/wenyuan/issues/([^/]+)/moves', (b, m) => {
    const i = issues.find((x) => x.id === m[1])
    i.state = b.to
    i.assignee = b.assignee ?? i.assignee
    i.moves.push({ note: '', ...b, by: who, at: ago(0) })
    tell('issue', i.id)
    return i
  }],
  ['GET /projects/wenyuan/devices', () => list(devices)],
  ['POST /projects/wenyuan/devices', (b) => (devices.push(dev(b.id, b.kind, b.name, b.place, [])), (refused[0].taken_at = ago(0)), { id: b.id, secret: 'k3J9-demo-secret', taken: b.take_refused ? 1 : 0 })],
  ['POST /projects/wenyuan/devices/([^/]+)/secret', (_b, m) => ({ id: m[1], secret: 'n3w-demo-secret' })],
  ['GET /projects/wenyuan/readings', (_b, _m, q) => {
    const to = Date.parse(q.get('to'))
    const from = Date.parse(q.get('from'))
    const v = devices.find((d) => d.id === q.get('device'))?.last.find((l) => l.metric === q.get('metric'))?.value ?? 1
    const n = 130
    return list(Array.from({ length: n }, (_, i) => {
      const mean = v * (0.75 + 0.25 * Math.sin(i / 9) + 0.08 * random())
      return { t: new Date(from + ((to - from) * i) / n).toISOString(), min: mean * 0.93, mean, max: mean * 1.07, count: 60 }
    }))
  }],
  ['GET /projects/wenyuan/rules', () => list(rules)],
  ['GET (?:/projects/wenyuan)?/refused', () => list(refused)],
  ['GET /people', () => list(people)],
  ['GET /tokens', () => list([])],
  ['POST /tokens', () => ({ id: 't1', token: 'tok-demo' })],
  ['POST /notices/test', () => list([{ channel: 'mail', ok: true, error: '' }, { channel: 'webhook', ok: false, error: '对方拒绝连接。' }])],
].map(([key, answer]) => ({ method: key.split(' ')[0], path: new RegExp(`^${key.split(' ')[1]}$`), answer }))

createServer(async (request, response) => {
  const url = new URL(request.url, 'http://x')
  const path = decodeURIComponent(url.pathname.replace('/api/v1', ''))
  if (path === '/events') {
    response.writeHead(200, { 'Content-Type': 'text/event-stream' })
    response.write(': hello\n\n')
    streams.add(response)
    request.on('close', () => streams.delete(response))
    return
  }
  let text = ''
  for await (const part of request) text += part
  for (const r of routes) {
    const m = r.method === request.method && r.path.exec(path)
    if (!m) continue
    response.writeHead(request.method === 'PUT' || request.method === 'POST' ? 201 : 200, { 'Content-Type': 'application/json' })
    response.end(JSON.stringify(r.answer(text ? JSON.parse(text) : {}, m, url.searchParams)))
    return
  }
  response.writeHead(404, { 'Content-Type': 'application/problem+json' })
  response.end(JSON.stringify({ status: 404, code: 'error.not_found', detail: `mock: ${request.method} ${path}` }))
}).listen(Number(process.env.PORT ?? 8099))
