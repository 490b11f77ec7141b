// Prints the dashboard and what its queries give in Prometheus, over the three hours before a time, as JavaScript for panels.jsx.
import { readFileSync } from 'node:fs';

const [prometheus, end] = [process.argv[2], Number(process.argv[3])];
const dashboard = JSON.parse(readFileSync(new URL('../../config/grafana/wx-token.json', import.meta.url)));
const results = {};
for (const panel of dashboard.panels) {
  for (const { expr, legendFormat } of panel.targets) {
    const query = new URLSearchParams({ query: expr.replaceAll('$app_id', '.*'), start: end - 3 * 3600, end, step: 60 });
    const answer = await (await fetch(`${prometheus}/api/v1/query_range?${query}`)).json();
    for (const { metric, values } of answer.data.result) {
      (results[panel.id] ??= []).push({ name: legendFormat.replace(/{{(\w+)}}/g, (all, label) => metric[label]), values });
    }
  }
}
console.log('window.DATA =', JSON.stringify({ dashboard, results, from: end - 3 * 3600, to: end }));
