// Draws the dashboard's panels with Grafana's own React components (@grafana/ui), as there is no Grafana server to be had here.
// It has no component for a state timeline, so the last rows of the dashboard are not drawn.
import React from 'react';
import { createRoot } from 'react-dom/client';
import { createTheme, dateTime, FieldType, getDisplayProcessor, ThemeContext, toDataFrame } from '@grafana/data';
import { BigValue, BigValueColorMode, BigValueGraphMode, PanelChrome, TimeSeries } from '@grafana/ui';
import 'uplot/dist/uPlot.min.css';

const theme = createTheme({ colors: { mode: 'dark' } });
const { dashboard, results, from, to } = window.DATA;
const column = 1100 / 24, row = 30, gap = 8;
const timeRange = { from: dateTime(from * 1000), to: dateTime(to * 1000), raw: { from: 'now-3h', to: 'now' } };

const frames = (panel) => results[panel.id].map(({ name, values }, seriesIndex) => {
  const frame = toDataFrame({ fields: [
    { name: 'time', type: FieldType.time, values: values.map(([time]) => time * 1000) },
    { name, type: FieldType.number, values: values.map(([, value]) => Number(value)), config: panel.fieldConfig.defaults },
  ] });
  for (const field of frame.fields) {
    field.state = { seriesIndex, displayName: field.name };
    field.display = getDisplayProcessor({ field, theme, timeZone: 'utc' });
  }
  return frame;
});

const Stats = ({ panel, width, height }) => {
  const stats = frames(panel).map(({ fields: [, field] }) => field);
  const stacked = height < 70; // as Grafana lays them out, so that the longer names can be read
  return <div style={{ display: 'flex', flexDirection: stacked ? 'column' : 'row', gap: 4 }}>{stats.map((field) =>
    <BigValue key={field.name} theme={theme} width={stacked ? width : width / stats.length - 4} height={stacked ? height / stats.length - 2 : height}
      colorMode={BigValueColorMode.Background} graphMode={BigValueGraphMode.None}
      value={{ ...field.display(field.values.at(-1)), title: field.name }} />)}</div>;
};

const Panel = ({ panel, panel: { gridPos: { x, y, w, h } } }) =>
  <div style={{ position: 'absolute', left: x * column, top: y * row }}>
    <PanelChrome title={panel.title} width={w * column - gap} height={h * row - gap}>{(width, height) => panel.type === 'stat'
      ? <Stats panel={panel} width={width} height={height} />
      : <TimeSeries frames={frames(panel)} timeRange={timeRange} timeZone="utc" width={width} height={height} legend={panel.options.legend} />}
    </PanelChrome>
  </div>;

document.body.style.color = theme.colors.text.primary;
createRoot(document.getElementById('root')).render(<ThemeContext.Provider value={theme}>
  {dashboard.panels.slice(0, 9).map((panel) => <Panel key={panel.id} panel={panel} />)}
</ThemeContext.Provider>);
