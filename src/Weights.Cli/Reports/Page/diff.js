'use strict';
(() => {
  const first = 500;
  const table = document.getElementById('tensors');
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const rows = [...body.rows].map((row, index) => ({
    row,
    index,
    text: row.cells[0].textContent.toLowerCase(),
    kind: row.dataset.kind,
    layer: row.dataset.layer,
    values: [...row.cells].map((cell, column) => column === 0 ? Number(row.dataset.order) : cell.dataset.value === undefined ? cell.textContent : cell.dataset.value === '' ? NaN : Number(cell.dataset.value)),
  }));
  const search = document.getElementById('search');
  const status = document.getElementById('status');
  const more = document.getElementById('more');
  const layerChip = document.getElementById('layer');
  const kinds = [...document.querySelectorAll('#kinds .chip')];
  let shown = rows;
  let limit = first;
  let layer = null;
  document.documentElement.classList.add('scripted');

  const element = (name, attributes, ...children) => {
    const made = name === 'svg' || name === 'rect' || name === 'line' || name === 'text' || name === 'title'
      ? document.createElementNS('http://www.w3.org/2000/svg', name) : document.createElement(name);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    made.append(...children);
    return made;
  };
  const power = exponent => '2' + String(exponent).replace('-', '\u207b').replace(/\d/g, digit => '\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079'[digit]);
  const round = number => number >= 0.01 && number < 1e4 ? String(Number(number.toPrecision(2))) : number.toExponential(1);
  const counted = number => number.toLocaleString('en-US');

  // The classes of a row's histogram: [exponent, count], without those at the ends that have none.
  const classes = row => (row.dataset.histogram || '').split(' ').filter(Boolean).map(part => part.split(':').map(Number));

  function bars(histogram) {
    const [low, high] = [histogram[0][0], histogram.at(-1)[0]];
    const counts = new Map(histogram);
    const most = Math.max(...counts.values());
    const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
    const [width, height, left, bottom] = [600, 190, 8, 24];
    const step = Math.min(60, (width - 2 * left) / (high - low + 1));
    const svg = element('svg', { class: 'bars', viewBox: `0 0 ${width} ${height}`, role: 'img', 'aria-label': `Histogram of the size of ${counted(total)} differences; the table below has the numbers` });
    const every = Math.ceil(88 / step);
    for (let exponent = low; exponent <= high; exponent++) {
      const count = counts.get(exponent) || 0;
      const size = count === 0 ? 0 : Math.max(1.5, (height - bottom - 16) * count / most);
      const x = left + (exponent - low) * step;
      const bar = element('rect', { x: x + step * 0.06, y: height - bottom - size, width: step * 0.88, height: size });
      bar.append(element('title', {}, `${power(exponent)} to ${power(exponent + 1)}: ${counted(count)}`));
      svg.append(bar);
      if ((exponent - low) % every === 0 && x < width - 70) svg.append(element('text', { x, y: height - 8 }, `${power(exponent)} \u2248 ${round(2 ** exponent)}`));
    }
    svg.append(element('line', { x1: left, x2: width - left, y1: height - bottom, y2: height - bottom }));
    const list = element('table', {}, element('thead', {}, element('tr', {}, element('th', { scope: 'col' }, '|\u0394| from'), element('th', { scope: 'col' }, 'to below'), element('th', { scope: 'col', class: 'number' }, 'numbers'))), element('tbody', {},
      ...histogram.filter(entry => entry[1] > 0).map(([exponent, count]) => element('tr', {}, element('td', {}, power(exponent)), element('td', {}, power(exponent + 1)), element('td', { class: 'number' }, counted(count))))));
    return element('div', {}, element('strong', {}, `Size of the ${counted(total)} differences`), svg, element('details', {}, element('summary', {}, 'as a table'), list));
  }

  function open(entry, button) {
    const { row } = entry;
    if (entry.detail) {
      entry.detail.remove();
      entry.detail = null;
      delete row.dataset.open;
      button.setAttribute('aria-expanded', 'false');
      return;
    }
    const list = element('dl', {});
    for (const part of (row.dataset.facts || '').split('\n').filter(Boolean)) {
      const at = part.indexOf('\t');
      list.append(element('dt', {}, part.slice(0, at)), element('dd', {}, part.slice(at + 1)));
    }
    const histogram = classes(row);
    const panel = element('div', { class: 'panel' }, histogram.length ? bars(histogram) : element('p', { class: 'note' }, 'No histogram: its numbers were not compared, or are all the same.'), list);
    const cell = element('td', { colspan: heads.length }, panel);
    entry.detail = element('tr', { class: 'detail' }, cell);
    row.dataset.open = '';
    row.after(entry.detail);
    button.setAttribute('aria-expanded', 'true');
  }

  function show() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    const chosen = new Set(kinds.filter(chip => chip.getAttribute('aria-pressed') === 'true').map(chip => chip.dataset.kind));
    let matching = 0;
    for (const entry of shown) {
      const fits = (chosen.size === 0 || chosen.has(entry.kind)) && (layer === null || entry.layer === layer) && words.every(word => entry.text.includes(word));
      matching += fits ? 1 : 0;
      entry.row.hidden = !fits || matching > limit;
      if (entry.detail) entry.detail.hidden = entry.row.hidden;
    }
    const visible = Math.min(matching, limit);
    status.textContent = `${counted(visible)} of ${counted(rows.length)} tensors shown` + (matching > visible ? `, ${counted(matching)} match` : '');
    more.hidden = matching <= visible;
    layerChip.hidden = layer === null;
  }

  function sort(column) {
    const head = heads[column];
    const isNumber = head.classList.contains('number');
    const descending = head.hasAttribute('aria-sort') ? head.getAttribute('aria-sort') === 'ascending' : isNumber;
    heads.forEach(other => other.removeAttribute('aria-sort'));
    head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
    const sign = descending ? -1 : 1;
    shown = [...rows].sort((left, right) => {
      const [a, b] = [left.values[column], right.values[column]];
      if (typeof a === 'string') return sign * a.localeCompare(b, 'en') || left.index - right.index;
      const [noA, noB] = [Number.isNaN(a), Number.isNaN(b)]; // What has no number comes last either way.
      return noA || noB ? noA - noB || left.index - right.index : sign * (a < b ? -1 : a > b ? 1 : 0) || left.index - right.index;
    });
    const parts = document.createDocumentFragment();
    for (const entry of shown) {
      parts.append(entry.row);
      if (entry.detail) parts.append(entry.detail);
    }
    body.append(parts);
    show();
  }

  heads.forEach((head, column) => {
    const title = head.querySelector('.title');
    if (!head.classList.contains('sorted')) return;
    const button = element('button', { type: 'button', title: title.title });
    button.textContent = title.textContent;
    button.addEventListener('click', () => sort(column));
    title.replaceWith(button);
  });
  for (const entry of rows) {
    const button = entry.row.querySelector('.link');
    button.setAttribute('aria-expanded', 'false');
  }
  body.addEventListener('click', event => {
    const button = event.target.closest('.link');
    if (button) open(rows.find(entry => entry.row === button.closest('tr')), button);
  });
  for (const chip of kinds) {
    chip.addEventListener('click', () => {
      chip.setAttribute('aria-pressed', chip.getAttribute('aria-pressed') === 'true' ? 'false' : 'true');
      limit = first;
      show();
    });
  }
  const heat = document.getElementById('layers');
  if (heat) {
    heat.addEventListener('click', event => {
      const button = event.target.closest('.link');
      if (!button) return;
      layer = button.dataset.layer;
      layerChip.textContent = `${button.textContent} \u00d7`;
      layerChip.setAttribute('aria-label', `only ${button.textContent}; remove this filter`);
      limit = first;
      show();
      document.getElementById('tensors-title').scrollIntoView({ block: 'start' });
      search.focus({ preventScroll: true });
    });
  }
  layerChip.addEventListener('click', () => { layer = null; show(); search.focus(); });
  search.addEventListener('input', () => { limit = first; show(); });
  more.addEventListener('click', () => { limit = Infinity; show(); });
  show();
  document.documentElement.dataset.ready = String(rows.length);
})();
