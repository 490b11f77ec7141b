// The part of check-config that reads YAML and JSON: node check-config.mjs <kustomize's output> <folder for its results>
// It writes Kubernetes' objects and Grafana's dashboard as TypeScript, check.ts, whose compiler knows their types and refuses
// unknown fields; and the dashboard's queries as rules, queries.json, for promtool.
import { readFileSync, writeFileSync } from 'node:fs'
import { parse, parseAllDocuments } from 'yaml'
import { CronExpressionParser } from 'cron-parser'

const [manifests, results] = process.argv.slice(2)
const read = file => readFileSync('config/' + file, 'utf8')
const problems = []
const expect = (condition, problem) => condition || problems.push(problem)

// ---- Kubernetes: the compiler checks types, the models check ranges of numbers, and this code some rules of the server
const grafana = './node_modules/@grafana/schema/dist/esm/raw'
const type = (path, name) => `import("${grafana}/composable/${path}_types.gen").${name}`
let ts = `import type { Dashboard, Panel, FieldConfig } from "${grafana}/dashboard/x/dashboard_types.gen"
  type Json<T> = T extends string ? \`\${T}\` : T extends object ? { [K in keyof T]: Json<T[K]> } : T
  type Query = ${type('prometheus/dataquery/x/PrometheusDataQuery', 'PrometheusDataQuery')}
  type P<O, C> = Json<Omit<Panel, "options" | "targets" | "fieldConfig"> & { options: O, targets: Query[],
    fieldConfig: { defaults: Omit<FieldConfig, "custom"> & { custom?: Partial<C> }, overrides: [] } }>\n`
const declare = (type, value) => ts += `{ const x: ${type} = ${JSON.stringify(value)} }\n`

for (const object of parseAllDocuments(readFileSync(manifests, 'utf8')).map(document => document.toJS())) {
  const models = 'kubernetes-models/' + object.apiVersion
  declare(`import("${models}").I${object.kind}`, object)
  try { new (await import(models))[object.kind](object).validate() } catch (e) { problems.push(`${object.kind}: ${e.message}`) }
  const pod = (object.spec?.jobTemplate ?? object).spec?.template.spec
  for (const { name, resources, volumeMounts } of pod?.containers ?? []) {
    for (const resource of [resources.requests, resources.limits].flatMap(Object.keys))
      expect(['cpu', 'memory'].includes(resource), `${name}: there is no resource ${resource}`)
    for (const mount of volumeMounts)
      expect(pod.volumes.some(volume => volume.name === mount.name), `${name}: there is no volume ${mount.name}`)
  }
}
const leaves = o => Object.entries(o).flatMap(([key, value]) => value && typeof value === 'object' ? leaves(value) : [key])
for (const key of leaves(parse(read('kubernetes/overlays/example/settings/application.yml'))))
  expect(new RegExp(`^[ #]+${key}:`, 'm').test(read('application.yml')), `Kubernetes' application.yml: ${key} is no setting`)

// ---- Grafana
const { panels, ...dashboard } = JSON.parse(read('grafana/wx-token.json'))
declare('Json<Dashboard>', dashboard)
const files = { timeseries: 'TimeSeries', stat: 'Stat', 'state-timeline': 'StateTimeline' }
for (const panel of panels) {
  const own = name => type(`${panel.type.replace('-', '')}/panelcfg/x/${files[panel.type]}PanelCfg`, name)
  declare(`P<${own('Options')}, ${panel.type === 'stat' ? '{}' : own('FieldConfig')}>`, panel)
}
const queries = panels.flatMap(panel => panel.targets).map(target => target.expr.replaceAll('$app_id', '.*'))
writeFileSync(results + '/queries.json', JSON.stringify({ groups: [{ name: 'dashboard',
  rules: queries.map((expr, i) => ({ record: 'query:' + i, expr })) }] }))

// ---- Prometheus: rules use only the program's metrics (names that rules create have a colon), and each alert is complete
const metrics = `life_left_seconds age_seconds last_success_timestamp_seconds failures_in_a_row fetches_total lost_claims_total
  fenced_publishes_total probes_total run_duration_seconds run_exit_code last_run_timestamp_seconds
  unauthorized_accounts verify_ticket_received_timestamp_seconds`.split(/\s+/)
const tests = read('prometheus/wx-token.rules.test.yml')
const rules = parse(read('prometheus/wx-token.rules.yml')).groups.flatMap(group => group.rules)
for (const [name] of [...queries, ...rules.map(rule => rule.expr), tests].join(' ').matchAll(/\bwx_token_\w+/g))
  expect(metrics.includes(name.slice('wx_token_'.length)), `${name} is no metric`)
for (const { alert, labels, annotations } of rules.filter(rule => rule.alert)) {
  expect(labels?.severity && annotations?.summary && annotations?.description, `${alert} lacks a severity, a summary or a description`)
  expect(tests.includes(`alertname="${alert}"`), `${alert} has no test`)
}

// ---- cron: each other line has five fields, a user and a command
for (const line of read('cron').split('\n').filter(line => !/^(#.*|[A-Z_]+=.*|)$/.test(line))) {
  const [, when, command] = line.match(/^((?:\S+ ){5})[a-z][\w-]* (\/.*)$/) ?? []
  expect(command && !command.includes('%'), `cron: ${line}`)
  if (when) CronExpressionParser.parse(when.trim())
}
expect(read('cron').endsWith('\n'), 'cron: it ignores a last line without a newline')

writeFileSync(results + '/check.ts', ts)
if (problems.length) { console.error(problems.join('\n')); process.exit(1) }
